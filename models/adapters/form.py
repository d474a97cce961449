"""What all methods of tuning with few parameters have in common: settings, and their tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from torch import Tensor

from artifact.adapters.hooks import HOOKS, Activation, HookKind, Site, TableSize
from artifact.config import ModelConfig
from models.adapters.tunable import AdapterModule, TableModule

if TYPE_CHECKING:
    from models.stack import Stack

NO_SIZE = TableSize()
NORM_HOOKS = tuple(name for name, hook in HOOKS.items() if hook.kind == HookKind.NORM)


@dataclass(frozen=True)
class Form(ABC):
    """A method, with its settings; everything that is tuned follows from it and the base.

    Attributes:
        unified: image and text tokens have one table together.
        share: each order has tables of its own, or each key: those can be merged into weights.
        kind: what files and recipes call the method.
    """

    kind: ClassVar[str]
    unified: bool = False
    share: Literal["order", "key"] = "order"

    def __post_init__(self) -> None:
        if self.share not in ("order", "key"):
            raise ValueError(f"share is order or key, not {self.share!r}")

    @abstractmethod
    def sites(self, config: ModelConfig) -> tuple[Site, ...]:
        """Return where its tables are, and how large.

        Raises:
            ValueError: the settings do not go with the base.
        """

    @abstractmethod
    def initialise(self, site: Site, part: str, table: Tensor) -> None:
        """Fill one table, as published."""

    def factor(self, site: Site, part: str, config: ModelConfig) -> Tensor | None:
        """Return what a table is multiplied by, which is not tuned; None: nothing.

        It broadcasts to the table. Where it is 0 the table is not tuned either.
        """
        del site, part, config
        return None

    def dropout_at(self, site: Site) -> float:
        """Return the share of what a bottleneck reads that is left out while tuning."""
        del site
        return 0.0

    def module(self, model: Stack) -> AdapterModule:
        """Return what is tuned, freshly initialised, for a model."""
        return TableModule(self, model.config)


def sites_at(
    hooks: Sequence[str],
    parts: Sequence[str],
    size: TableSize = NO_SIZE,
    activation: Activation = "none",
    carry: float = 0.0,
) -> tuple[Site, ...]:
    """Return sites at some hooks that are alike, for each modality there.

    Raises:
        ValueError: there is no such hook.
    """
    if strange := [name for name in hooks if name not in HOOKS]:
        raise ValueError(f"there is no hook {strange[0]!r}; there are {', '.join(HOOKS)}")
    return tuple(
        Site(hook, modality, tuple(parts), size, activation, carry)
        for hook in hooks
        for modality in HOOKS[hook].modalities()
    )


def norm_sites(wanted: bool) -> tuple[Site, ...]:
    """Return sites at every norm of the blocks, for methods that tune these too."""
    return sites_at(NORM_HOOKS, ("scale", "shift")) if wanted else ()


def positive(**counts: int) -> None:
    """Refuse counts below 1.

    Raises:
        ValueError: naming it.
    """
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"{name} must be a positive number, not {count!r}")


def kaiming(table: Tensor) -> None:
    """Fill a matrix `[inputs, outputs]` as `nn.Linear` does: Kaiming, uniform, √5."""
    bound = table.shape[0] ** -0.5
    table.uniform_(-bound, bound)
