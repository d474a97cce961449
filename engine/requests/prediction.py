"""How long a variant will take: the latency profile times corrections learned online."""

from __future__ import annotations

from collections.abc import Iterator

from artifact.latency.profile import LatencyProfile
from artifact.stage import stage_name
from artifact.task import Task, TaskName
from engine.elastic.chances import CallTimes
from engine.elastic.correction import CaptionLength, Correction, Way
from engine.elastic.course import Line
from engine.residency.family import Family
from engine.residency.probe import buckets_of, largest_batch

_STALE_S = 1.0


class Predictor:
    """Predicted seconds: means from the latency profile, times what was learned online.

    `times`: what single calls take now, and how far they stray; the scheduler plans with it.
    `whole`: actual / mean of a whole way, waits for other rows included; the p90 that is promised.
    """

    def __init__(self, profile: LatencyProfile, family: Family, max_batch: int) -> None:
        self._profile = profile
        self._family = family
        self._max_batch = max_batch
        self._steps: dict[tuple[str, int, int], float] = {}
        self._means: dict[tuple[TaskName, str, int, int, int], float] = {}
        self._lines: dict[tuple[str, int], Line] = {}
        self.whole = Correction()
        self.times = CallTimes()
        self._has_learned, self._learned_s = False, 0.0
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
        alike = stage_name(stage).alike
        return next(s for s in self._profile.curves if stage_name(s).alike == alike)

    def mean_s(
        self, task: Task, variant: str, bucket: int, batch: int, words: int | None = None
    ) -> float:
        """Return mean seconds of a whole request in batches of `batch`, uncorrected.

        `bucket` is the text bucket of a question; `words` bounds a caption's decode steps.
        """
        expected = self.caption_length.expected
        steps = min(words or expected, expected) if task.writes else 0
        key = (task.name, variant, bucket, batch, steps)
        if key not in self._means:
            self._means[key] = self._sum(task, variant, bucket, batch, steps)
        return self._means[key]

    def _sum(self, task: Task, variant: str, bucket: int, batch: int, words: int) -> float:
        programs = self._family.member(task.name, variant).programs
        total = 0.0
        for step in programs[0].steps:
            head = step.stage.is_head
            rows = batch if head else task.rows * batch
            entries = rows // self._family.rows_of(step.stage)
            total += self.step_s(step.stage, 0 if head or task.writes else bucket, entries)
        for stage, size in self._word(task, variant) if task.writes else ():
            total += words * self.step_s(stage, size, batch)
        return total

    def _word(self, task: Task, variant: str) -> Iterator[tuple[str, int]]:
        """Yield the calls of one word."""
        for step in self._family.member(task.name, variant).programs[-1].steps:
            yield step.stage, buckets_of(self._family, step.stage)[-1]

    def word_line(self, task: Task, variant: str) -> Line:
        """Return mean seconds of one word as (fixed, per row)."""
        lines = [self.line(*call) for call in self._word(task, variant)]
        return sum(fixed for fixed, _ in lines), sum(row for _, row in lines)

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
