"""One request on its way through the engine, and the answer made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from engine.caption_row import CaptionRow
from engine.family import Family
from engine.ledger import Place
from engine.rows import Row
from engine.scheduler import RowView
from engine.types import Answer


@dataclass(slots=True)
class Job:
    """A submitted request and its one row. Only the executor's thread changes it."""

    place: Place
    row: Row
    text_bucket: int
    words: int | None
    top_k: int
    submitted_s: float
    planned: bool = False
    degraded: bool = False
    started_s: float = 0.0
    mean_s: float = 0.0
    predicted_s: float = 0.0
    busy_s: float = 0.0
    blocks: int = 0
    _view: RowView | None = None
    phases_s: dict[str, float] = field(
        default_factory=lambda: {"stem": 0.0, "blocks": 0.0, "head": 0.0}
    )

    @property
    def id(self) -> int:
        """Return the ticket's id."""
        return self.place.ticket.id

    def view(self) -> RowView:
        """Return what the scheduler may know; made again only after `moved`."""
        if self._view is None:
            place = self.place
            self._view = RowView(
                id=self.id,
                stage=self.row.step.stage,
                bucket=self.row.bucket,
                deadline_s=place.ticket.deadline_s,
                expires_s=place.expires_s,
                lost=place.lost,
                sequence=self.id,
            )
        return self._view

    def moved(self) -> None:
        """Say that the row is at another step, or its variant or standing changed."""
        self._view = None
        self.place.remaining = 0.0 if self.row.done else self.row.remaining

    def spend(self, stage: str, elapsed_s: float, rows: int) -> None:
        """Account for one step it took part in."""
        kind = stage.partition("[")[0]
        phase = kind if kind in ("stem", "head") else "blocks"
        self.phases_s[phase] += elapsed_s
        self.busy_s += elapsed_s / rows
        self.blocks += kind.startswith("block")


class AnswerMaker:
    """Turns a finished job into an Answer. Thread-safe."""

    def __init__(
        self, family: Family, labels: tuple[str, ...], decode: Callable[[list[int]], str]
    ) -> None:
        self._family = family
        self._labels = labels
        self._decode = decode

    def make(self, job: Job, now: float) -> Answer:
        """Return the answer of a finished job; `now` is its end."""
        ticket = job.place.ticket
        member = self._family.member(ticket.task, job.place.variant)
        queue_s = now - job.submitted_s - sum(job.phases_s.values())
        caption = isinstance(job.row, CaptionRow)
        return Answer(
            task=ticket.task,
            variant=member.variant,
            executed=member.pattern.executed,
            bits=member.pattern.bits,
            executed_blocks=member.pattern.depth,
            quality=member.quality,
            predicted_s=job.predicted_s,
            deadline_met=None if ticket.deadline_s == float("inf") else now <= ticket.deadline_s,
            degraded=job.degraded,
            labels=() if caption else self._top(job),
            text=self._decode(job.row.words) if isinstance(job.row, CaptionRow) else None,
            phases_s={"queue": max(queue_s, 0.0), **job.phases_s},
        )

    def _top(self, job: Job) -> tuple[tuple[str, float], ...]:
        """Return the best `top_k` answers with their softmax scores (fp64)."""
        if job.row.logits is None:
            raise ValueError("the head has not run")
        logits = np.asarray(job.row.logits, np.float64)
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        best = np.argsort(-scores, kind="stable")[: job.top_k]
        return tuple((self._labels[i], float(scores[i])) for i in best)
