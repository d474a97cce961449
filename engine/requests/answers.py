"""One request on its way through the engine, and the answer made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.elastic.snapshot import RowView
from engine.requests.open_requests import Place
from engine.requests.prediction import Trip
from engine.requests.routes import WORD
from engine.residency.family import Family
from engine.rows.caption.row import CaptionRow
from engine.rows.caption.stream import Listener
from engine.rows.pair import PairRow
from engine.rows.row import VqaRow
from engine.types import Answer

TRUTHS = ("false", "true")
"""What the two logits of a statement say."""


@dataclass(slots=True)
class Job:
    """A submitted request and its work. Only the executor's thread changes it.

    `view` is the work as the scheduler sees it. `elastic`: it may stop or go deeper while it runs;
    if not, its variant is chosen before its first step, and `planned` says that this is done.
    `words` bounds a caption; `listener` hears its text as it grows; its first word came at
    `worded_s`. `first_s`: predicted seconds, alone, from the first step to a first answer.
    """

    place: Place
    row: VqaRow | PairRow | CaptionRow
    view: RowView
    elastic: bool
    text_bucket: int
    words: int | None
    top_k: int
    submitted_s: float
    listener: Listener | None = None
    first_s: float = 0.0
    worded_s: float = 0.0
    planned: bool = False
    degraded: bool = False
    predicted_s: float = 0.0
    trip: Trip | None = None
    started_s: float = 0.0
    busy_s: float = 0.0
    blocks: int = 0
    phases_s: dict[str, float] = field(
        default_factory=lambda: {"stem": 0.0, "blocks": 0.0, "head": 0.0}
    )

    @property
    def id(self) -> int:
        """Return the ticket's id."""
        return self.place.ticket.id

    @property
    def done(self) -> bool:
        """Tell whether the answer is there."""
        return self.row.done if isinstance(self.row, CaptionRow) else self.row.ended

    @property
    def beams(self) -> int:
        """How many beams a caption has, 1 for anything else."""
        return len(self.row.search.words) if isinstance(self.row, CaptionRow) else 1

    @property
    def patient(self) -> bool:
        """Whether it has no deadline: what it is scheduled against is only patience."""
        return self.place.ticket.deadline_s == float("inf")

    def spend(self, stage: str, elapsed_s: float, share: float, blocks: int) -> None:
        """Account for calls of a stage it took part in, with a share of their rows."""
        kind = stage.partition("[")[0]
        phase = kind if kind in ("stem", "head") else "blocks"
        self.phases_s[phase] += elapsed_s
        self.busy_s += elapsed_s * share
        self.blocks += blocks * kind.startswith("block")

    def ran(self, took_s: float, expected_s: float, steps: int = 1) -> None:
        """Say that it has done steps, and what they took and should have taken."""
        if self.trip is not None:
            self.trip.spent_s += took_s
            self.trip.expected_s += expected_s
        self.moved(steps)

    def moved(self, steps: int) -> None:
        """Say that it has done steps: the work it must still do has shrunk.

        A caption that is longer than usual stays one word from its end.
        """
        view = self.view
        last = len(view.route.calls) - (view.route.kind == WORD)
        view.position = min(view.position + steps, last)
        if self.first_s > 0:
            self.place.remaining = view.route.due_s(view.position) / self.first_s


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
        labels: tuple[tuple[str, float], ...] = ()
        text = None
        if isinstance(job.row, CaptionRow):
            text = self._decode(job.row.words)
        else:
            labels = self._top(job, self._labels if ticket.task == "vqa" else TRUTHS)
        return Answer(
            task=ticket.task,
            variant=member.variant,
            executed=member.pattern.executed,
            bits=member.pattern.bits,
            executed_blocks=member.pattern.depth,
            quality=member.quality,
            predicted_s=job.predicted_s,
            deadline_met=None if job.patient else now <= ticket.deadline_s,
            degraded=job.degraded,
            labels=labels,
            text=text,
            phases_s={"queue": max(queue_s, 0.0), **job.phases_s},
        )

    def _top(self, job: Job, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
        """Return the best `top_k` answers with their softmax scores (fp64)."""
        if job.row.logits is None:
            raise ValueError("the head has not run")
        logits = np.asarray(job.row.logits, np.float64)
        scores = np.exp(logits - logits.max())
        scores /= scores.sum()
        few = min(job.top_k, len(scores))
        best = np.argpartition(-scores, few - 1)[:few]
        best = best[np.lexsort((best, -scores[best]))]
        return tuple((labels[i], float(scores[i])) for i in best)
