"""How long a variant will take: the latency profile times corrections learned online."""

from __future__ import annotations

from artifact.latency.profile import LatencyProfile
from artifact.task import Task
from engine.elastic.chances import CallTimes
from engine.elastic.correction import CaptionLength, Correction, Way
from engine.requests.mean_times import MeanTimes
from engine.residency.family import Family

_STALE_S = 1.0


class Predictor:
    """Predicted seconds: means from the latency profile, times what was learned online.

    `means`: the profile's; another object once the profile has been replaced, so what is worked
    out of it can tell that it is old.
    `times`: what single calls take now, and how far they stray; the scheduler plans with it.
    `whole`: actual / mean of a whole way, waits for other rows included; the p90 that is promised.
    """

    def __init__(self, profile: LatencyProfile, family: Family, max_batch: int) -> None:
        self._family = family
        self._max_batch = max_batch
        self.means = MeanTimes(profile, family, max_batch)
        self.whole = Correction()
        self.times = CallTimes()
        self._has_learned, self._learned_s = False, 0.0
        self.caption_length = CaptionLength(family.manifest.text.max_caption_tokens - 1)

    def replace(self, profile: LatencyProfile) -> None:
        """Predict by another latency profile; what was learned beside the old one is forgotten."""
        self.means = MeanTimes(profile, self._family, self._max_batch)
        self.times.begin_anew()
        self.whole.forget()
        self._has_learned = False

    def mean_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return mean seconds of a whole request in batches of `batch`, uncorrected.

        `bucket` is the text bucket of a question; `words` bounds a caption's decode steps.
        """
        expected = self.caption_length.expected
        steps = min(words or expected, expected) if task.writes else 0
        return self.means.request_s(task, variant, bucket, batch, steps)

    def service_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return the corrected prediction of a whole request's seconds."""
        return self.mean_s(task, variant, bucket, batch, words) * self.whole.high

    def refresh(self, now: float) -> None:
        """Forget what was learned long ago."""
        self.times.refresh(now)
        self.whole.refresh(now)

    def forget(self, now: float) -> bool:
        """Forget all that was learned, if nothing was for a second; tell whether there was any."""
        if not self._has_learned or now - self._learned_s <= _STALE_S:
            return False
        self.times.forget_level()
        self.whole.forget()
        self._has_learned = False
        return True

    def learn(self, way: Way, now: float) -> None:
        """Learn from a way that has ended, at its first answer or before: then from what has run.

        Without the unfinished ones, a machine that became slower would let every `reject` request
        expire half-way and learn nothing from it.
        """
        if way.calls_mean_s <= 0 or way.mean_s <= 0:
            return
        self._has_learned, self._learned_s = True, now
        share = min(way.calls_mean_s / way.mean_s, 1.0)
        self.whole.add((now - way.began_s) / (way.mean_s * share), now)
