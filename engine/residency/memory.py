"""How much memory this process holds."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path


def resident_bytes() -> int:
    """Return the process's resident set; outside Linux, its peak."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def release_freed() -> None:
    """Give freed heap pages back to the system, so that `resident_bytes` shows what is in use."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:  # glibc only
            trim(0)
