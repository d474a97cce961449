"""The engine's public values: what goes in, what comes out (ADR 0014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from artifact.config import Precision
from artifact.task import TaskName

OnMiss = Literal["degrade", "reject"]
Outcome = Literal["ok", "late", "refused", "expired", "cancelled", "invalid", "error"]
"""How a request ended; each one ends exactly once.

ok: answered, by its deadline if it had one; late: answered after it (only under `degrade`);
refused: not admitted (queue full, draining, not ready, deadline unattainable); expired: admitted,
then its deadline or grace passed; cancelled: the caller left; invalid: the request's own fault;
error: a fault of ours.
"""


@dataclass(frozen=True)
class Budget:
    """What a request may cost.

    `max_memory_mb` (1 MB = 10⁶ bytes), `min_quality` and `variant` are hard. `max_latency_ms`,
    counted from the arrival of the request head, is hard under `reject`, soft under `degrade`.
    `min_on_time_probability`: a request with an answer never goes deeper below this chance of being
    on time. None: under `reject` 0.99; under `degrade` there is no such limit.
    `max_first_token_ms`, counted as the latency is: until the first word of a caption that is read
    while it is written; as hard as the latency, and beside it. Other tasks do not look at it.
    """

    max_latency_ms: float | None = None
    max_memory_mb: float | None = None
    min_quality: float | None = None
    variant: str | None = None
    on_miss: OnMiss = "degrade"
    min_on_time_probability: float | None = None
    max_first_token_ms: float | None = None

    def for_whole_answer(self) -> Budget:
        """Return the same for an answer that comes at once: its first word comes with its last."""
        limits = [each for each in (self.max_latency_ms, self.max_first_token_ms) if each]
        latency_ms = min(limits, default=None)
        return replace(self, max_latency_ms=latency_ms, max_first_token_ms=None)


DegradedReason = Literal["time", "load", "late"]
"""Why a lower variant answered than the best one: see `Degraded`."""


@dataclass(frozen=True)
class Degraded:
    """Why a request was not answered by the best variant within its hard limits.

    `reason` is `time` where `variant`, the next better one, was predicted to end too late, or too
    likely to; `late` where not even the variant that answered was predicted to be in time; `load`
    where other requests needed the engine. `predicted_s` is what that next better variant was
    predicted to need, from when this was decided to its answer, nine times out of ten; `left_s` the
    time that was left for it then, None without a deadline.
    """

    reason: DegradedReason
    variant: str
    predicted_s: float
    left_s: float | None


class Input(Protocol):
    """What a request asks, whichever task: one of the classes in `engine/tasks/`.

    It holds its decoded pictures, its text if the task takes one, and how it is to be answered.
    """

    @property
    def task(self) -> TaskName:
        """The task that it is for."""
        ...


@dataclass(frozen=True)
class Offer:
    """A variant as it can be served now.

    `predicted_s` is its service time on an idle engine; `memory_bytes` counts the measured bytes
    of the stages it needs, of their workspace and of one request's own arrays. A variant that is
    not `resident` is not chosen, and its bytes are an estimate until it has been loaded once.
    `quality_precision` is the precision its quality was measured at.
    """

    task: TaskName
    variant: str
    executed: tuple[int, ...]
    bits: str
    keys: tuple[int, ...]
    quality: float | None
    predicted_s: float
    memory_bytes: int
    resident: bool
    quality_precision: Precision | None = None

    @property
    def summary(self) -> str:
        """One readable line: name, quality, memory, time."""
        quality = "not measured" if self.quality is None else f"{self.quality:.4f}"
        return (
            f"{self.variant} (quality {quality}, {self.memory_bytes / 1e6:.1f} MB, "
            f"{self.predicted_s * 1e3:.1f} ms)"
        )


@dataclass(frozen=True)
class Answer:
    """The answer and what it took.

    `predicted_s` was predicted when the variant was settled, for the time from the request's
    first step to its answer. `deadline_met` is None when no deadline applied. `degraded_because`:
    why a lower variant than the best qualifying one answered; None: the best one did. `labels` are
    (label, softmax score), best first: VQA's answers, "true" and "false" of a statement, or
    whatever a task's logits say. `text` is the caption, `text_tokens` how many tokens it has
    without [EOS], `cut_off` whether these are as many as it might have. `vectors`, fp32 [D] of
    length 1, are those of a picture or a text: by variant, its own last; those before are of the
    stops that its row kept. `precision`: what computed it. `phases_s` are wall seconds: queue
    (submitted, not running), stem, blocks, head. `adapter` names the one that the request named;
    `quality` is then what was measured with it.
    """

    task: TaskName
    variant: str
    executed: tuple[int, ...]
    bits: str
    executed_blocks: int
    quality: float | None
    predicted_s: float
    deadline_met: bool | None
    degraded_because: Degraded | None = None
    labels: tuple[tuple[str, float], ...] = ()
    text: str | None = None
    text_tokens: int = 0
    cut_off: bool = False
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    precision: Precision = "fp32"
    phases_s: Mapping[str, float] = field(default_factory=dict)
    adapter: str | None = None

    @property
    def degraded(self) -> bool:
        """Whether a lower variant than the best qualifying one answered."""
        return self.degraded_because is not None


class MadeBy(NamedTuple):
    """How an answer was made. Its fields are the labels of what is measured of answers that are
    compared: a new one, such as the precision, is written here and nowhere else.
    """

    task: TaskName
    variant: str
