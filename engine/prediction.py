"""How long a variant will take: the latency profile times one correction learned online."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Sequence

from artifact.latency import LatencyProfile
from engine.caption_row import CaptionRow
from engine.family import Family
from engine.rows import Row
from engine.types import Task

_WINDOW = 256
_WINDOW_S = 120.0
_MIN_SAMPLES = 8
_QUANTILE = 0.9
_CLAMP = (0.02, 20.0)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


class Correction:
    """A quantile of actual / mean-predicted time over recent whole requests.

    Samples older than two minutes are forgotten, so that one slow spell does not refuse
    requests for ever. Until there are enough, the correction is 1. Thread-safe.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._lock = threading.Lock()
        self.high = 1.0
        self.middle = 1.0

    def add(self, ratio: float, now: float) -> None:
        """Take one finished request's actual / mean-predicted seconds."""
        with self._lock:
            self._samples.append((now, min(max(ratio, _CLAMP[0]), _CLAMP[1])))
            self._take()

    def refresh(self, now: float) -> None:
        """Forget old samples; cheap when there are none."""
        with self._lock:
            count = len(self._samples)
            while self._samples and now - self._samples[0][0] > _WINDOW_S:
                self._samples.popleft()
            if len(self._samples) < count:
                self._take()

    def _take(self) -> None:
        if len(self._samples) < _MIN_SAMPLES:
            self.high = self.middle = 1.0
            return
        ratios = [ratio for _, ratio in self._samples]
        self.high, self.middle = quantile(ratios, _QUANTILE), quantile(ratios, 0.5)


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


class Predictor:
    """Predicted seconds of programs. Means come from the profile, `correction` multiplies them."""

    def __init__(self, profile: LatencyProfile, family: Family) -> None:
        self._profile = profile
        self._family = family
        self._steps: dict[tuple[str, int, int], float] = {}
        self._means: dict[tuple[Task, str, int, int, int], float] = {}
        self.correction = Correction()
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

    def _measured_like(self, stage: str) -> str:
        if stage in self._profile.curves:
            return stage
        kind = stage.partition("[")[0]
        return next(s for s in self._profile.curves if s.partition("[")[0] == kind)

    def mean_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return mean seconds of a whole request in batches of `batch`, uncorrected.

        `bucket` is the text bucket of a question; `words` bounds a caption's decode steps.
        """
        expected = self.caption_length.expected
        steps = 0 if task == "vqa" else min(words or expected, expected)
        key = (task, variant, bucket, batch, steps)
        if key not in self._means:
            self._means[key] = self._sum(task, variant, bucket, batch, steps)
        return self._means[key]

    def _sum(self, task: Task, variant: str, bucket: int, batch: int, words: int) -> float:
        programs = self._family.member(task, variant).programs
        total = 0.0
        for step in programs[0].steps:
            fixed = step.stage.startswith("head") or task == "caption"
            total += self.step_s(step.stage, 0 if fixed else bucket, batch)
        if task == "caption":
            nv = self._family.manifest.config.image_tokens
            for cached in range(nv, nv + words):
                size = next(b for b in self._family.cache_buckets if b >= cached)
                for step in programs[1].steps:
                    total += self.step_s(step.stage, 0 if step.order is None else size, batch)
        return total

    def service_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return the corrected prediction of a whole request's seconds."""
        return self.mean_s(task, variant, bucket, batch, words) * self.correction.high

    def learn(self, row: Row, actual_s: float, mean_s: float, now: float) -> None:
        """Score one request from the moment its variant was final; unfinished: what it has run.

        Without the unfinished ones, a machine that became slower would let every `reject` request
        expire half-way and learn nothing from it.
        """
        run = 1.0 if row.done else 1.0 - row.remaining
        if mean_s > 0 and run > 0:
            self.correction.add(actual_s / (mean_s * run), now)
        if row.done and isinstance(row, CaptionRow):
            self.caption_length.add(row.decoded)
