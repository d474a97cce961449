"""The GPU of this machine, asked of the driver itself; nothing of CUDA needs to be installed."""

from __future__ import annotations

import ctypes

_DRIVERS = ("libcuda.so.1", "nvcuda.dll")
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


def device_arch(index: int = 0, drivers: tuple[str, ...] = _DRIVERS) -> str | None:
    """Return a GPU's compute capability as `sm_90`, or None without a driver or a GPU."""
    for name in drivers:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        return _asked(driver, index)
    return None


def _asked(driver: ctypes.CDLL, index: int) -> str | None:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), index)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    return None if failed else f"sm_{major.value}{minor.value}"
