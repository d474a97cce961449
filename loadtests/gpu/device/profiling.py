"""What the profiler sees of a call: kernels, and how long none of them ran."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from loadtests.gpu.device.device import Device
from loadtests.gpu.device.timing import Call

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # it tells every start and stop on stderr


@dataclass(frozen=True)
class Kernels:
    """Of one call: how many ran (operators, on the CPU), which, and how busy they were.

    `idle`: share of the time from the first one's start to the last one's end when none ran.
    """

    count: int
    names: tuple[str, ...]
    busy_s: float
    idle: float

    def record(self) -> dict[str, float | int]:
        """Return what the results file holds."""
        return {
            "kernels": self.count,
            "busy_ms": round(self.busy_s * 1e3, 4),
            "idle_share": round(self.idle, 4),
        }


def seen(device: Device, call: Call) -> Kernels:
    """Profile one call, the second: the first prepares the profiler.

    Raises:
        RuntimeError: the profiler saw nothing.
    """
    activity = ProfilerActivity.CUDA if device.is_cuda else ProfilerActivity.CPU
    kind = DeviceType.CUDA if device.is_cuda else DeviceType.CPU
    call()
    for _ in range(2):
        device.wait()
        with profile(activities=[activity], acc_events=True) as watched:
            call()
            device.wait()
    events = [event for event in watched.events() or () if event.device_type == kind]
    spans = [(event.time_range.start, event.time_range.end) for event in events]
    if not spans:
        raise RuntimeError("the profiler saw no kernels; it may need rights on this machine")
    busy_us, whole_us = covered(spans)
    names = tuple(dict.fromkeys(event.name for event in events))
    return Kernels(len(spans), names, busy_us * 1e-6, 1 - busy_us / whole_us if whole_us else 0.0)


def covered(spans: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return (length of the union of spans, from the first start to the last end)."""
    total, end = 0.0, float("-inf")
    ordered = sorted(spans)
    for begin, stop in ordered:
        total += max(stop - max(begin, end), 0.0)
        end = max(end, stop)
    return total, end - ordered[0][0] if ordered else 0.0
