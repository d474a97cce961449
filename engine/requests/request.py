"""A request from its admission to its answer: one object, and which part writes which field."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass, field

from artifact.stage import PHASES, StageName
from artifact.task import Task, TaskName
from engine.elastic.correction import Way
from engine.elastic.course import WORD
from engine.elastic.snapshot import RowView
from engine.residency.adapters.lease import AdapterLease
from engine.rows.caption.stream import FIRST_WORDS, TextStream
from engine.rows.row import Row
from engine.types import Answer, Budget, Degraded, Input

PATIENCE_S = 30.0
"""What a request without a deadline is scheduled against, again and again until it is answered."""


def _no_time() -> dict[str, float]:
    return dict.fromkeys(PHASES, 0.0)


@dataclass(slots=True, eq=False)
class Request:
    """A place among the open requests, what is asked, and the work on it.

    Times are seconds on the pool's clock. Every field has one writer; others only read it.

    ==========================  =====================================  =====================
    fields                      written by                             on the thread of
    ==========================  =====================================  =====================
    `id` to `predicted_s`,      `Admission`, once                      `admit`'s caller
    `adapter`
    `future`                    `EnginePool`, once                     whatever ends it
    `submitted`                 `OpenRequests.claim`, once             `submit`'s caller
    `given` to `stream`         `RowMaker`, once                       `submit`'s caller
    `variant`, `least`, `keys`  `Admission`, then `VariantSetter`      `admit`'s and `submit`'s
                                                                       callers, then the engine
    `lost`, `first_due_s`       `Admission`, then `VariantSetter`      `admit`'s caller, then the
                                                                       engine
    all others                  `Executor` and its parts               the engine
    ==========================  =====================================  =====================

    Attributes:
        id: unique in its engine.
        task: what is asked.
        budget: what it may cost.
        arrived_s: when its head arrived.
        deadline_s: arrival plus latency budget; infinite without one.
        expires_s: when work on it ends without an answer.
        first_due_s: when the first word of its stream is due; infinite once that has come, and
            without such a limit.
        reply_s: what of its time is left to the caller, from answer to reply.
        request_bytes: of its own arrays, estimated.
        beams: of a caption as admitted: the slots it may take. Else 1.
        bucket: the padded length of its text, as far as it was known at admission.
        predicted_s: from admission to answer, as planned then.
        variant: the plan; once it is settled, the answer's.
        least: the smallest variant it may become.
        keys: how many keys, from the first, any variant it may become needs.
        lost: its deadline cannot be met any more.
        remaining: what must still be done before any answer, as a share of the variant `least`.
        adapter: its hold on the adapter it named; None: it named none.
        submitted: its picture has been handed over.
        started: its first step has begun.
        given: its pictures and text, as they were handed over.
        row: its arrays and its next step.
        view: the same as the scheduler sees it.
        elastic: it may stop or go deeper while it runs. If not, its variant is chosen before its
            first step, and `planned` says that this is done.
        text_bucket: the padded length of its text.
        words: bounds a caption.
        top_k: how many labels its answer lists.
        every_stop: its answer has what each stop says, so all of its stops are of one chain.
        submitted_s, started_s, first_word_s: when that happened.
        first_word_late: it came after `first_due_s`.
        stream: sends its text while it grows.
        degraded_because: why a lower variant than the best qualifying one; None: it is the best.
        on_time_chance: of being on time, predicted before its last step; None: it is not settled,
            or has no deadline.
        answer_s: predicted from its first step to its answer, when its variant was settled.
        alone_s: predicted from its first step to a first answer, alone.
        first_answer_s: predicted mean from `way_began_s` to a first answer; None: not predicted, or
            the way has ended.
        calls_mean_s: the mean seconds of its own calls on that way.
        busy_s: its share of the seconds of all calls.
        blocks: executed, times rows.
        phases_s: wall seconds of its calls.
    """

    id: int
    task: Task
    budget: Budget
    arrived_s: float
    deadline_s: float
    expires_s: float
    reply_s: float
    request_bytes: int
    beams: int
    bucket: int
    predicted_s: float

    variant: str
    least: str
    keys: int
    lost: bool

    first_due_s: float = math.inf
    adapter: AdapterLease | None = None
    future: Future[Answer] = field(default_factory=Future)
    submitted: bool = False

    given: Input = field(init=False)
    row: Row = field(init=False)
    view: RowView = field(init=False)
    elastic: bool = False
    text_bucket: int = 0
    words: int | None = None
    top_k: int = 0
    every_stop: bool = False
    submitted_s: float = 0.0
    stream: TextStream | None = None

    started: bool = False
    planned: bool = False
    degraded_because: Degraded | None = None
    remaining: float = 1.0
    started_s: float = 0.0
    first_word_s: float = 0.0
    first_word_late: bool = False
    on_time_chance: float | None = None
    answer_s: float = 0.0
    alone_s: float = 0.0
    first_answer_s: float | None = None
    way_began_s: float = 0.0
    calls_mean_s: float = 0.0
    busy_s: float = 0.0
    blocks: int = 0
    phases_s: dict[str, float] = field(default_factory=_no_time)

    @property
    def has_deadline(self) -> bool:
        """Whether a latency budget applies."""
        return not math.isinf(self.deadline_s)

    @property
    def due_s(self) -> float:
        """When the next thing that its caller waits for is due: its first word, or its answer."""
        return min(self.deadline_s, self.first_due_s)

    @property
    def awaits_first_word(self) -> bool:
        """Whether its first word has a deadline of its own, and has not come."""
        return not math.isinf(self.first_due_s)

    @property
    def words_due(self) -> int | None:
        """What bounds the words that are due by `due_s`."""
        if not self.awaits_first_word:
            return self.words
        return FIRST_WORDS if self.words is None else min(self.words, FIRST_WORDS)

    @property
    def text_begun(self) -> bool:
        """Whether the first of its text is sent, or written where nobody reads it yet."""
        return self.first_word_s > 0 if self.stream is None else self.stream.begun

    @property
    def labels(self) -> tuple[TaskName, str]:
        """Its task and its variant, as the instruments name them."""
        return self.task.name, self.variant

    @property
    def slots(self) -> int:
        """How many of the captions' slots it holds."""
        return self.beams if self.task.writes else 0

    @property
    def texts(self) -> int:
        """How many texts it writes side by side: the beams of a caption, else 1."""
        return 1 if self.row.caption is None else len(self.row.caption.search.words)

    def begin_way(self, now: float, mean_s: float | None) -> None:
        """Begin a way to a first answer, predicted to take `mean_s`; None: nothing is learned."""
        self.way_began_s, self.first_answer_s = now, mean_s
        self.calls_mean_s = 0.0

    def end_way(self) -> Way | None:
        """End the way to a first answer; return what it took, None where nothing is learned."""
        mean_s, self.first_answer_s = self.first_answer_s, None
        if mean_s is None:
            return None
        return Way(self.way_began_s, mean_s, self.calls_mean_s)

    def spend(self, stage: StageName, elapsed_s: float, share: float, blocks: int) -> None:
        """Account for calls of a stage it took part in, with a share of their rows."""
        self.phases_s[stage.phase] += elapsed_s
        self.busy_s += elapsed_s * share
        self.blocks += blocks * stage.is_block

    def ran(self, expected_s: float, steps: int = 1) -> None:
        """Say that it has done steps, and what they should have taken."""
        self.calls_mean_s += expected_s
        self.moved(steps)

    def moved(self, steps: int) -> None:
        """Say that it has done steps: the work it must still do has shrunk.

        A caption that is longer than usual stays one word from its end.
        """
        view = self.view
        last = len(view.route.calls) - (view.route.kind == WORD)
        view.position = min(view.position + steps, last)
        if self.alone_s > 0:
            self.remaining = view.route.due_s(view.position) / self.alone_s
