"""The engine's public values: what goes in, what comes out (docs/adr/0014)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from artifact.config import Precision, Task

__all__ = [
    "Answer",
    "Budget",
    "CaptionInput",
    "Input",
    "Offer",
    "OnMiss",
    "Outcome",
    "Phase",
    "ReasonInput",
    "Task",
    "Ticket",
    "VqaInput",
]

OnMiss = Literal["degrade", "reject"]
Phase = Literal["queue", "stem", "blocks", "head"]
Outcome = Literal["ok", "late", "refused", "expired", "cancelled", "invalid", "error"]
"""How a request ended; each one ends exactly once.

ok: answered, by its deadline if it had one; late: answered after it (only under `degrade`);
refused: not admitted (queue full, draining, not ready, deadline unattainable); expired: admitted,
then its deadline or grace passed; cancelled: the caller left; invalid: the request's own fault;
error: a backend failed.
"""


@dataclass(frozen=True)
class Budget:
    """What a request may cost.

    `max_memory_mb` (1 MB = 10⁶ bytes), `min_quality` and `variant` are hard. `max_latency_ms`,
    counted from the arrival of the request head, is hard under `reject`, soft under `degrade`.
    """

    max_latency_ms: float | None = None
    max_memory_mb: float | None = None
    min_quality: float | None = None
    variant: str | None = None
    on_miss: OnMiss = "degrade"


@dataclass(frozen=True)
class VqaInput:
    """One question about one picture; pixels uint8 RGB [S, S, 3]."""

    pixels: NDArray[np.uint8]
    question: str
    top_k: int = 5


@dataclass(frozen=True)
class CaptionInput:
    """One picture to describe; pixels uint8 RGB [S, S, 3].

    `max_new_tokens` None: the artifact's own limit. `num_beams` 1: greedy.
    """

    pixels: NDArray[np.uint8]
    max_new_tokens: int | None = None
    num_beams: int = 1


@dataclass(frozen=True)
class ReasonInput:
    """A statement about two pictures, left and right; each uint8 RGB [S, S, 3]."""

    pixels: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    statement: str


Input = VqaInput | CaptionInput | ReasonInput
"""What a request asks, whichever task."""


@dataclass(frozen=True)
class Ticket:
    """A place in the queue, held from admission until the answer; times are on the pool's clock.

    `deadline_s` is infinite when no latency budget applies. `variant` and `predicted_s` (seconds
    from admission to answer) are the plan at admission; the variant may still change.
    """

    id: int
    task: Task
    budget: Budget
    arrived_s: float
    deadline_s: float
    variant: str
    predicted_s: float


@dataclass(frozen=True)
class Offer:
    """A variant as it can be served now.

    `predicted_s` is its service time on an idle engine; `memory_bytes` counts the measured bytes
    of the stages it needs, of their workspace and of one request's own arrays. A variant that is
    not `resident` is not chosen, and its bytes are an estimate until it has been loaded once.
    `quality_precision` is the precision its quality was measured at.
    """

    task: Task
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
    first step to its answer. `deadline_met` is None when no deadline applied. `degraded`: a lower
    variant than the best qualifying one was chosen because of latency. `labels` are (answer,
    softmax score), best first, for VQA, and "true" and "false" of a statement. `text` is the
    caption. `phases_s` are wall seconds: queue
    (submitted, not running), stem, blocks, head.
    """

    task: Task
    variant: str
    executed: tuple[int, ...]
    bits: str
    executed_blocks: int
    quality: float | None
    predicted_s: float
    deadline_met: bool | None
    degraded: bool
    labels: tuple[tuple[str, float], ...] = ()
    text: str | None = None
    phases_s: Mapping[str, float] = field(default_factory=dict)
