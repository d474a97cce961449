"""Times of several things in turns, and what is said of them: median and quartiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.gpu.device.device import Device
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.kit.quartiles import quartiles

Call = Callable[[], None]

Samples = dict[str, list[float]]
"""Seconds of one call, by name; entry i of every list is from round i."""

_SAMPLE_S = 2e-3
_MOST_CALLS = 200


@dataclass(frozen=True)
class Quartiles:
    """Median, lower and upper quartile, and of how many."""

    median: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """Return those of some values.

        Raises:
            ValueError: there are none.
        """
        low, median, high = quartiles(values)
        return cls(median, low, high, len(values))

    def record(self, scale: float = 1.0) -> dict[str, float | int]:
        """Return what the results file holds, times `scale`."""
        shown = {"median": self.median, "low": self.low, "high": self.high}
        return {**{name: float(f"{v * scale:.6g}") for name, v in shown.items()}, "n": self.count}


def ratios(over: Sequence[float], under: Sequence[float]) -> Quartiles:
    """Return the quartiles of over / under, round by round."""
    return Quartiles.of([a / b for a, b in zip(over, under, strict=True)])


def rounds(
    device: Device, calls: Mapping[str, Call], deadline: TimeLimit, most: int = 20, least: int = 3
) -> Samples:
    """Time calls in turns, `least` to `most` rounds as the deadline allows; the first call rotates.

    Short calls are repeated within a sample, so that reading the clock does not weigh; the device
    is not waited for inside a round.
    """
    repeats = {name: _repeats(device, call) for name, call in calls.items()}
    samples: Samples = {name: [] for name in calls}
    names = list(calls)
    for number in range(most):
        if number >= least and deadline.over():
            break
        turn = number % max(len(names), 1)
        marks = []
        for name in names[turn:] + names[:turn]:
            begun = device.mark()
            for _ in range(repeats[name]):
                calls[name]()
            marks.append((name, begun, device.mark()))
        for name, begun, ended in marks:
            samples[name].append(ended.since_s(begun) / repeats[name])
    return samples


def _repeats(device: Device, call: Call) -> int:
    """Warm a call up and return how many of it make one sample."""
    call()
    begun = device.mark()
    call()
    once_s = device.mark().since_s(begun)
    return max(1, min(_MOST_CALLS, round(_SAMPLE_S / max(once_s, 1e-7))))
