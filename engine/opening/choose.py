"""Which backend `auto` takes: the fastest that passed, changed only for a clear gain (ADR 0016)."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

_LOG = logging.getLogger(__name__)

GAIN = 1.05
"""How many times faster another backend must be to replace the one in use."""


@dataclass(frozen=True)
class BackendTrial:
    """What one backend did with an artifact on this machine.

    `error` is why it cannot be taken, None if it passed. `seconds` maps pieces of work
    ("vqa full, batch 8") to their mean times.
    """

    backend: str
    library: str = ""
    error: str | None = None
    resident_keys: int = 0
    seconds: Mapping[str, float] | None = None


@dataclass(frozen=True)
class BackendChoice:
    """The backend taken and, in one line, why."""

    backend: str
    reason: str
    skipped: tuple[str, ...] = ()


def relative_time(trial: BackendTrial, other: BackendTrial) -> float:
    """Return the geometric mean of the times over the other's, on the work both measured."""
    mine, theirs = trial.seconds or {}, other.seconds or {}
    logs = [math.log(mine[work] / theirs[work]) for work in mine.keys() & theirs.keys()]
    return math.exp(sum(logs) / len(logs)) if logs else 1.0


def choose(trials: Sequence[BackendTrial], incumbent: str | None) -> BackendChoice | None:
    """Return the choice, None if nothing passed.

    More resident keys come first, since they offer more variants; then speed. The incumbent, or
    else the first that passed, stays unless another is faster by `GAIN`.
    """
    skipped = tuple(f"{t.backend}: {t.error}" for t in trials if t.error is not None)
    passed = [trial for trial in trials if trial.error is None]
    if not passed:
        return None
    kept = next((trial for trial in passed if trial.backend == incumbent), passed[0])
    most = max(trial.resident_keys for trial in passed)
    fit = [trial for trial in passed if trial.resident_keys == most]
    if len(passed) == 1:
        return BackendChoice(kept.backend, f"{kept.library}: the only one that passed", skipped)
    if kept not in fit:
        kept = fit[0]
    best = min(fit, key=lambda trial: relative_time(trial, kept))
    if relative_time(best, kept) * GAIN > 1.0:
        best = kept
    return BackendChoice(best.backend, f"{best.library}: {_reason(best, passed, most)}", skipped)


def _reason(best: BackendTrial, passed: Iterable[BackendTrial], most: int) -> str:
    parts = []
    for other in passed:
        if other.backend == best.backend:
            continue
        if other.resident_keys < most:
            parts.append(
                f"the memory budget holds {most} keys, {other.resident_keys} on {other.backend}"
            )
            continue
        ratio = relative_time(best, other)
        near = ", too close to change" if 1 / GAIN < ratio < GAIN else ""
        parts.append(f"{ratio:.2f} of the time of {other.library}{near}")
    return "; ".join(parts)


@dataclass(frozen=True)
class Remembered:
    """A choice as it is cached: valid while `setting` (libraries, sizes, budget) is the same."""

    setting: str
    choice: BackendChoice

    @classmethod
    def read(cls, path: Path) -> Remembered | None:
        """Return the cached choice, None if there is none that can be read."""
        try:
            found = json.loads(path.read_text("utf-8"))
            choice = found["choice"]
            skipped = tuple(str(line) for line in choice["skipped"])
            return cls(
                str(found["setting"]),
                BackendChoice(str(choice["backend"]), str(choice["reason"]), skipped),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            _LOG.warning("%s: %s (choosing again)", path, error)
            return None

    def to_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps(asdict(self), indent=1) + "\n"
