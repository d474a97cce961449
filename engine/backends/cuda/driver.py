"""What NVIDIA's driver says of the GPUs here; no library of CUDA is imported."""

from __future__ import annotations

import ctypes
import functools

_LINUX = "libcuda.so.1"
_WINDOWS = "nvcuda.dll"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


class DriverRefused(Exception):
    """The driver answered a call with an error; `code` is its `CUresult`."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"the NVIDIA driver answers error {code}")


@functools.cache
def has_cuda(library: str = _LINUX) -> bool:
    """Tell whether the driver is installed and shows this process a device."""
    try:
        driver = ctypes.CDLL(library)
        count = ctypes.c_int(0)
        failed = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    except (OSError, AttributeError):
        return False
    return not failed and count.value > 0


def device_arch(index: int = 0, libraries: tuple[str, ...] = (_LINUX, _WINDOWS)) -> str | None:
    """Return a GPU's compute capability as `sm_90`, or None without a driver or a GPU."""
    for library in libraries:
        try:
            driver = ctypes.CDLL(library)
        except OSError:
            continue
        device = ctypes.c_int()
        try:
            check_result(driver.cuInit(0))
            check_result(driver.cuDeviceGet(ctypes.byref(device), index))
            return arch_of(driver, device)
        except DriverRefused:
            return None
    return None


def arch_of(driver: ctypes.CDLL, device: ctypes.c_int) -> str:
    """Return a device's compute capability: 8.9 is `sm_89`.

    Raises:
        DriverRefused: if the driver does not know the device.
    """
    number, arch = ctypes.c_int(), "sm_"
    for attribute in (_MAJOR, _MINOR):
        check_result(driver.cuDeviceGetAttribute(ctypes.byref(number), attribute, device))
        arch += str(number.value)
    return arch


def check_result(code: int) -> None:
    """Do nothing if a call of the driver succeeded.

    Raises:
        DriverRefused: with the call's error code, if it is not 0.
    """
    if code:
        raise DriverRefused(code)
