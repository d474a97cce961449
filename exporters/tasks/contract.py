"""What exporting asks of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from artifact.manifest import TextRecord
from artifact.manifest.adapted import AdapterCapacity
from artifact.pattern import SkipPattern
from artifact.task import Task
from exporters.examples import Example
from exporters.stages import UncompiledStage
from models.checkpoint import Checkpoint
from models.series import OtmvModel

NO_ADAPTERS = AdapterCapacity(ranks={})
"""Stages without room for adapters."""


@dataclass(frozen=True)
class SearchRows:
    """The labelled examples of a task as the rows that the ladder search takes through the stack.

    Attributes:
        start: output of the stem, float32 `[rows, tokens, width]`.
        image_tokens: how many of them lead as the picture's.
        bias: additive attention bias, as key blocks take it.
        read: picks the tokens that are read out, `[rows, tokens, width]` to `[rows, read, width]`.
        logits: from the readout to logits over the classes, `[..., classes]`.
        truths: right classes, int64 `[...]`; negative where nothing is asked.
    """

    start: Tensor
    image_tokens: int
    bias: Tensor
    read: Callable[[Tensor], Tensor]
    logits: Callable[[Tensor], Tensor]
    truths: Tensor


class ExportedTask(ABC):
    """How a task is exported.

    Attributes:
        task: which.
        whole_beside_stages: whether its whole variants are written beside its stages, for runtimes
            without our engine.
    """

    task: Task
    whole_beside_stages: bool = False

    @abstractmethod
    def stages(
        self, model: OtmvModel, capacity: AdapterCapacity = NO_ADAPTERS
    ) -> Iterator[UncompiledStage]:
        """Yield every stage that composes its variants; stages of one name are shared by tasks.

        Args:
            model: in eval mode.
            capacity: what stems and blocks have room for.
        """

    @abstractmethod
    def whole(
        self, model: OtmvModel, variant: str, pattern: SkipPattern
    ) -> tuple[UncompiledStage, ...]:
        """Return the stages that hold a variant, one for each pass of the task (ADR 0021).

        Args:
            model: in eval mode.
            variant: id of the variant.
            pattern: what it executes.
        """

    @abstractmethod
    def search_rows(
        self, checkpoint: Checkpoint, text: TextRecord, examples: Sequence[Example]
    ) -> SearchRows:
        """Return the examples of this task for the ladder search.

        Args:
            checkpoint: the model, its words and its labels.
            text: special ids and limits.
            examples: of any task; at least one of this.

        Raises:
            TextError: the text of an example is too long.
        """

    @abstractmethod
    def flops(
        self, model: OtmvModel, pattern: SkipPattern, text: TextRecord, composed: bool
    ) -> Mapping[str, int]:
        """Return the FLOPs of one request at its longest text, by `Task.flops_parts`.

        Args:
            model: counted from its own layers.
            pattern: what is executed of it.
            text: limits.
            composed: it runs in stages, not whole.
        """
