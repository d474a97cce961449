"""The machine as far as it decides how long work takes: processor, and how much of it is ours."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path

from artifact.latency.quota import cpu_quota


def machine_fingerprint() -> str:
    """Return a short text that changes when times measured here no longer hold."""
    model = platform.processor() or platform.machine()
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    quota = cpu_quota(_read)
    limit = "" if math.isinf(quota) else f" quota {quota:g}"
    return f"{platform.system()} {platform.machine()} {model} x{_allowed_cores()}{limit}"


def usable_cores() -> int:
    """Return how many processors this process can keep busy all the time; at least one.

    Those it may run on, and no more than a quota pays for, rounded down: with a thread too many the
    kernel would stop all of them for a part of every tenth of a second.
    """
    return cores_within(_allowed_cores(), cpu_quota(_read))


def cores_within(cores: int, quota: float) -> int:
    """Return how many of `cores` a quota of processors keeps busy all the time; at least one."""
    return max(1, int(min(cores, quota)))


def _allowed_cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return None
