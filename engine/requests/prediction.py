"""How long a variant will take: the latency profile times one correction learned online."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from artifact.latency import LatencyProfile
from engine.elastic.course import Line
from engine.elastic.quantiles import at_share, quantile
from engine.elastic.spread import CallSpread
from engine.residency.probe import buckets_of, largest_batch
from engine.types import Task

if TYPE_CHECKING:  # the simulator learns as we do, without artifacts
    from engine.residency.family import Family

_WINDOW = 256
_WINDOW_S = 120.0
_MIN_SAMPLES = 8
_STALE_S = 1.0
_QUANTILE = 0.9
_CLAMP = (0.02, 20.0)


class Correction:
    """A quantile of actual / mean-predicted time over recent whole requests.

    Samples older than two minutes are forgotten, so that one slow spell does not refuse
    requests for ever. Until there are enough, the correction is 1. Thread-safe.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque()
        self._ordered: list[float] = []
        self._lock = threading.Lock()
        self.high = 1.0
        self.middle = 1.0

    def add(self, ratio: float, now: float) -> None:
        """Take one finished request's actual / mean-predicted seconds."""
        ratio = min(max(ratio, _CLAMP[0]), _CLAMP[1])
        with self._lock:
            if len(self._samples) == _WINDOW:
                self._forget()
            self._samples.append((now, ratio))
            insort(self._ordered, ratio)
            self._take()

    def refresh(self, now: float) -> None:
        """Forget old samples; cheap when there are none."""
        with self._lock:
            count = len(self._samples)
            while self._samples and now - self._samples[0][0] > _WINDOW_S:
                self._forget()
            if len(self._samples) < count:
                self._take()

    def forget(self) -> None:
        """Forget every sample."""
        with self._lock:
            self._samples.clear()
            self._ordered.clear()
            self._take()

    def _forget(self) -> None:
        _, ratio = self._samples.popleft()
        del self._ordered[bisect_left(self._ordered, ratio)]

    def _take(self) -> None:
        if len(self._samples) < _MIN_SAMPLES:
            self.high = self.middle = 1.0
            return
        self.high = at_share(self._ordered, _QUANTILE)
        self.middle = at_share(self._ordered, 0.5)


class CaptionLength:
    """How many words captions take: a high quantile of recent ones, the limit until known."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lengths: deque[int] = deque(maxlen=_WINDOW)
        self.expected = limit

    def add(self, steps: int) -> None:
        """Take one finished caption's decode steps, [EOS] counted."""
        self._lengths.append(steps)
        if len(self._lengths) >= _MIN_SAMPLES:
            self.expected = int(quantile(self._lengths, _QUANTILE))


@dataclass(slots=True)
class Trip:
    """A row's way to its first answer: what was predicted and what it took, waits included.

    `mean_s` is the prediction for the whole way, made at `started_s`. `spent_s` and `expected_s`
    are the row's own calls so far, as they were and by their means.
    """

    started_s: float
    mean_s: float
    spent_s: float = 0.0
    expected_s: float = 0.0


class Predictor:
    """Predicted seconds: means from the latency profile, times what was learned online.

    `calls`: actual / mean of a row's own calls; it stretches every time the scheduler plans with.
    `whole`: the same of a whole way, waits for other rows included; the p90 that is promised.
    `spread`: how far single calls stray.
    """

    def __init__(self, profile: LatencyProfile, family: Family, max_batch: int) -> None:
        self._profile = profile
        self._family = family
        self._max_batch = max_batch
        self._steps: dict[tuple[str, int, int], float] = {}
        self._means: dict[tuple[Task, str, int, int, int], float] = {}
        self._lines: dict[tuple[str, int], Line] = {}
        self.calls = Correction()
        self.whole = Correction()
        self.spread = CallSpread()
        self._evident, self._learned_s = False, 0.0
        self.caption_length = CaptionLength(family.manifest.text.max_caption_tokens - 1)

    def step_s(self, stage: str, bucket: int, batch: int) -> float:
        """Return mean seconds of one stage call; a stage never measured costs what its kind does.

        A batch of several counts whole: every row in it waits for the call to end.
        """
        found = self._steps.get((stage, bucket, batch))
        if found is None:
            found = self._profile.predict_s(self._measured_like(stage), bucket, batch)
            self._steps[stage, bucket, batch] = found
        return found

    def line(self, stage: str, bucket: int) -> Line:
        """Return mean seconds of a call as (fixed, per row): through batch 1 and the largest."""
        found = self._lines.get((stage, bucket))
        if found is None:
            most = largest_batch(self._family, stage, self._max_batch)
            alone_s = self.step_s(stage, bucket, 1)
            full_s = self.step_s(stage, bucket, most)
            entry_s = alone_s
            if most > 1:
                entry_s = min(max(full_s - alone_s, 0.0) / (most - 1), alone_s)
            found = (alone_s - entry_s, entry_s / self._family.rows_of(stage))
            self._lines[stage, bucket] = found
        return found

    def _measured_like(self, stage: str) -> str:
        if stage in self._profile.curves:
            return stage
        kind = _kind(stage)
        return next(s for s in self._profile.curves if _kind(s) == kind)

    def mean_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return mean seconds of a whole request in batches of `batch`, uncorrected.

        `bucket` is the text bucket of a question; `words` bounds a caption's decode steps.
        """
        expected = self.caption_length.expected
        steps = min(words or expected, expected) if task == "caption" else 0
        key = (task, variant, bucket, batch, steps)
        if key not in self._means:
            self._means[key] = self._sum(task, variant, bucket, batch, steps)
        return self._means[key]

    def _sum(self, task: Task, variant: str, bucket: int, batch: int, words: int) -> float:
        programs = self._family.member(task, variant).programs
        total = 0.0
        for step in programs[0].steps:
            head = step.stage.startswith("head")
            rows = 2 * batch if task == "reason" and not head else batch
            entries = rows // self._family.rows_of(step.stage)
            total += self.step_s(step.stage, 0 if head or task == "caption" else bucket, entries)
        for stage, size in self._round(variant) if task == "caption" else ():
            total += words * self.step_s(stage, size, batch)
        return total

    def _round(self, variant: str) -> Iterator[tuple[str, int]]:
        """Yield the calls of one word of a caption."""
        for step in self._family.member("caption", variant).programs[1].steps:
            yield step.stage, buckets_of(self._family, step.stage)[-1]

    def word_line(self, variant: str) -> Line:
        """Return mean seconds of one word of a caption as (fixed, per row)."""
        lines = [self.line(*call) for call in self._round(variant)]
        return sum(fixed for fixed, _ in lines), sum(row for _, row in lines)

    def service_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return the corrected prediction of a whole request's seconds."""
        return self.mean_s(task, variant, bucket, batch, words) * self.whole.high

    def refresh(self, now: float) -> None:
        """Forget old evidence."""
        self.calls.refresh(now)
        self.whole.refresh(now)

    def forget(self, now: float) -> bool:
        """Forget all evidence, if nothing was learned for a second; tell whether there was any."""
        if not self._evident or now - self._learned_s <= _STALE_S:
            return False
        self.calls.forget()
        self.whole.forget()
        self._evident = False
        return True

    def learn(self, trip: Trip, now: float) -> None:
        """Score a way that has ended, at its first answer or before: then for what it has run.

        Without the unfinished ones, a machine that became slower would let every `reject` request
        expire half-way and learn nothing from it.
        """
        if trip.expected_s <= 0 or trip.mean_s <= 0:
            return
        self._evident, self._learned_s = True, now
        self.calls.add(trip.spent_s / trip.expected_s, now)
        share = min(trip.expected_s / trip.mean_s, 1.0)
        self.whole.add((now - trip.started_s) / (trip.mean_s * share), now)


def _kind(stage: str) -> str:
    """Return what stages have in common that take about the same time: keys, whole variants."""
    return stage.partition(":" if ":" in stage else "[")[0]
