"""Mean seconds of calls and of whole requests, by one latency profile."""

from __future__ import annotations

from collections.abc import Iterator

from artifact.latency.profile import LatencyProfile
from artifact.stage import stage_name
from artifact.task import Task, TaskName
from engine.elastic.course import Line
from engine.residency.family import Family
from engine.residency.probe import buckets_of, largest_batch


class MeanTimes:
    """What a latency profile says; what was looked up is kept. Thread-safe.

    Args:
        profile: measured.
        family: the artifact's variants.
        max_batch: rows of the largest batch.
    """

    def __init__(self, profile: LatencyProfile, family: Family, max_batch: int) -> None:
        self.profile = profile
        self._family = family
        self._max_batch = max_batch
        self._calls: dict[tuple[str, int, int], float] = {}
        self._requests: dict[tuple[TaskName, str, int, int, int], float] = {}
        self._lines: dict[tuple[str, int], Line] = {}

    def step_s(self, stage: str, bucket: int, batch: int) -> float:
        """Return mean seconds of one stage call; a stage never measured costs what its kind does.

        A batch of several counts whole: every row in it waits for the call to end.
        """
        found = self._calls.get((stage, bucket, batch))
        if found is None:
            found = self.profile.predict_s(self._measured_like(stage), bucket, batch)
            self._calls[stage, bucket, batch] = found
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
        if stage in self.profile.curves:
            return stage
        alike = stage_name(stage).alike
        return next(s for s in self.profile.curves if stage_name(s).alike == alike)

    def request_s(self, task: Task, variant: str, bucket: int, batch: int, words: int) -> float:
        """Return mean seconds of a whole request in batches of `batch`.

        `bucket` is the text bucket of a question; `words` are a caption's.
        """
        key = (task.name, variant, bucket, batch, words)
        if key not in self._requests:
            self._requests[key] = self._sum(task, variant, bucket, batch, words)
        return self._requests[key]

    def _sum(self, task: Task, variant: str, bucket: int, batch: int, words: int) -> float:
        programs = self._family.member(task.name, variant).programs
        total = 0.0
        for step in programs[0].steps:
            head = step.stage.is_head
            rows = batch if head else task.rows * batch
            entries = rows // self._family.rows_of(step.stage)
            total += self.step_s(step.stage, 0 if head or task.text is None else bucket, entries)
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
