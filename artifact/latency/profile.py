"""LatencyProfile: measured mean times per stage, shape bucket and batch size (ADR 0014)."""

from __future__ import annotations

import bisect
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from artifact.atomic import write_atomically

_SHORTEST_S = 1e-9

Curve = tuple[tuple[int, float], ...]
"""(batch, mean seconds), ascending in batch."""


def profile_key(artifact_hash: str, machine: str, library: str, threads: int) -> str:
    """Return the cache file's name stem for one artifact, machine, library and thread count."""
    text = "\n".join((artifact_hash, machine, library, str(threads)))
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _line(x0: float, y0: float, x1: float, y1: float, x: float) -> float:
    return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _on_curve(curve: Curve, batch: int) -> float:
    batches = [point[0] for point in curve]
    if len(curve) == 1 or batch <= batches[0]:
        return curve[0][1] * (batch / batches[0] if batch > batches[0] else 1.0)
    right = min(bisect.bisect_left(batches, batch), len(curve) - 1)
    (b0, s0), (b1, s1) = curve[right - 1], curve[right]
    return max(_line(b0, s0, b1, s1, batch), 0.0)


def undisturbed(by_bucket: Mapping[int, Curve]) -> dict[int, Curve]:
    """Return a stage's curves without the measurements that something else on the machine slowed.

    A call with more rows or longer rows takes no less time, and a disturbance only ever adds, so a
    time is at most that of every larger call.
    """
    least: dict[int, float] = {}
    found: dict[int, Curve] = {}
    for bucket in sorted(by_bucket, reverse=True):
        below, curve = math.inf, []
        for batch, seconds in sorted(by_bucket[bucket], reverse=True):
            below = least[batch] = min(below, seconds, least.get(batch, math.inf))
            curve.append((batch, below))
        found[bucket] = tuple(reversed(curve))
    return dict(sorted(found.items()))


@dataclass(frozen=True)
class LatencyProfile:
    """Mean seconds of one call, per stage, shape bucket (text or cache length; 0 if none), batch.

    `key` ties it to artifact, machine and library (see `profile_key`).
    """

    key: str
    curves: Mapping[str, Mapping[int, Curve]]
    machine: str = ""
    library: str = ""

    def predict_s(self, stage: str, bucket: int, batch: int) -> float:
        """Return mean seconds of one call, linear between measured buckets and batches.

        Raises:
            KeyError: if the stage was never measured.
        """
        by_bucket = self.curves[stage]
        buckets = sorted(by_bucket)
        if bucket in by_bucket:
            return _on_curve(by_bucket[bucket], batch)
        right = bisect.bisect_left(buckets, bucket)
        if len(buckets) == 1 or right == 0:
            return _on_curve(by_bucket[buckets[min(right, len(buckets) - 1)]], batch)
        right = min(right, len(buckets) - 1)
        low, high = buckets[right - 1], buckets[right]
        y0, y1 = _on_curve(by_bucket[low], batch), _on_curve(by_bucket[high], batch)
        return max(_line(low, y0, high, y1, bucket), 0.0)

    def over(self, other: LatencyProfile) -> float:
        """Return how many times as long as `other` says calls take: the median of its points.

        Raises:
            ValueError: if they have no stage in common.
        """
        ratios = [
            seconds / max(other.predict_s(stage, bucket, batch), _SHORTEST_S)
            for stage, by_bucket in self.curves.items()
            for bucket, curve in by_bucket.items()
            for batch, seconds in curve
            if stage in other.curves
        ]
        if not ratios:
            raise ValueError("the latency profiles have no stage in common")
        return median(ratios)

    def to_json(self) -> str:
        """Return the profile as JSON text."""
        curves = {s: {str(b): list(c) for b, c in by.items()} for s, by in self.curves.items()}
        head = {"key": self.key, "machine": self.machine, "library": self.library}
        return json.dumps({**head, "curves": curves}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> LatencyProfile:
        """Read `to_json`'s text.

        Raises:
            ValueError: if it is anything else.
        """
        try:
            found = json.loads(text)
            curves = {
                str(stage): {
                    int(bucket): tuple((int(b), float(s)) for b, s in curve)
                    for bucket, curve in by.items()
                }
                for stage, by in found["curves"].items()
            }
            return cls(str(found["key"]), curves, str(found["machine"]), str(found["library"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a latency profile: {error!r}") from error

    def save(self, path: Path) -> None:
        """Write the file atomically, creating its folder.

        Raises:
            OSError: if the folder cannot be written.
        """
        write_atomically(path, self.to_json())
