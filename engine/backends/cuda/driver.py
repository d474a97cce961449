"""Whether a CUDA device is here, asked of NVIDIA's driver: no runtime library is imported."""

from __future__ import annotations

import ctypes
import functools

_DRIVER = "libcuda.so.1"


@functools.cache
def has_cuda(library: str = _DRIVER) -> bool:
    """Tell whether the driver is installed and shows this process a device."""
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return False
    return not failed and count.value > 0
