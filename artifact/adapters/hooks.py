"""Where an adapter acts in a model, and which tables it may have there (ADR 0031).

At a hook a value y becomes another one. What is read is fixed by the hook's name, so a compiled
stage has one form for every kind of adapter:

    B(x) = act(x down + down_shift) up + shift             the bottleneck
    G(r) = sigmoid(act(r gate_down + gate_down_shift) gate_up + gate_shift)      1 without a gate

    linear   block.q k v out fc1 fc2          y + B(x)            x: what the linear reads
    output   block.attention_output, ffn_output   (y + B(y)) G(r)  r: the stream before it
    beside   block.attention_beside, ffn_beside   y + B(r) + carry r
    norm     block.attention_norm …           normal (own scale + scale) + own shift + shift
    stem     stem.image, stem.text            y + B(y)            y: the embedded tokens
    rows     block.prefix                     key, value before the attention's own
             stem.prompt                      rows of the text, behind its padding, no positions

Where a sub-layer has several, they act in this order: norm, linear, output, beside. Sums are made
before the residual. A scale that a method has (LoRA's alpha / r) is multiplied into `up` and
`shift`. Tables are per modality, except at hooks of rows, since BEiT-3 has a copy of each matrix
for each modality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from artifact.config import ModelConfig

Modality = Literal["image", "text"]
MODALITIES: tuple[Modality, ...] = ("image", "text")
"""In the order of their tokens, and of the model's own tables."""

Activation = Literal["none", "relu", "gelu", "gelu_tanh", "silu"]
"""Between `down` and `up`: `gelu` with the error function, `gelu_tanh` its tanh form."""

Width = Literal["model", "ffn"]
"""The width D of the hidden state, or that of the feed-forward's inside."""

BOTTLENECK = ("down", "down_shift", "up", "shift")
GATE = ("gate_down", "gate_down_shift", "gate_up", "gate_shift")


class HookKind(StrEnum):
    """What a hook reads, and how its tables change the value there."""

    LINEAR = "linear"
    OUTPUT = "output"
    BESIDE = "beside"
    NORM = "norm"
    STEM = "stem"
    ROWS = "rows"


@dataclass(frozen=True)
class Hook:
    """A place where an adapter acts.

    Attributes:
        name: in files, such as `block.q`.
        kind: what it reads, and how the value there changes.
        reads: width of what `down` takes.
        writes: width of the value.
        parts: the tables that it may have.
    """

    name: str
    kind: HookKind
    reads: Width = "model"
    writes: Width = "model"
    parts: tuple[str, ...] = BOTTLENECK

    @property
    def within(self) -> str:
        """Its name inside a block or a stem, such as `q`."""
        return self.name.partition(".")[2]

    @property
    def in_blocks(self) -> bool:
        """Whether its tables have a row for each order of the stack."""
        return self.name.startswith("block.")

    @property
    def per_modality(self) -> bool:
        """Whether image tokens and text tokens have tables of their own."""
        return self.kind != HookKind.ROWS

    def modalities(self) -> tuple[Modality | None, ...]:
        """Return the modalities that may have tables here; None: the one table of all tokens."""
        if self.kind == HookKind.STEM:
            return tuple(each for each in MODALITIES if self.name == f"stem.{each}")
        return MODALITIES if self.per_modality else (None,)


def _hooks() -> tuple[Hook, ...]:
    linear, norm, gated = HookKind.LINEAR, HookKind.NORM, (*BOTTLENECK, *GATE)
    factors = ("scale", "shift")
    return (
        Hook("block.attention_norm", norm, parts=factors),
        Hook("block.q", linear),
        Hook("block.k", linear),
        Hook("block.v", linear),
        Hook("block.prefix", HookKind.ROWS, parts=("key", "value")),
        Hook("block.inner_attention_norm", norm, parts=factors),
        Hook("block.out", linear),
        Hook("block.attention_output", HookKind.OUTPUT, parts=gated),
        Hook("block.attention_beside", HookKind.BESIDE),
        Hook("block.ffn_norm", norm, parts=factors),
        Hook("block.fc1", linear, writes="ffn"),
        Hook("block.inner_ffn_norm", norm, writes="ffn", parts=factors),
        Hook("block.fc2", linear, reads="ffn"),
        Hook("block.ffn_output", HookKind.OUTPUT, parts=gated),
        Hook("block.ffn_beside", HookKind.BESIDE),
        Hook("stem.image", HookKind.STEM),
        Hook("stem.text", HookKind.STEM),
        Hook("stem.prompt", HookKind.ROWS, parts=("rows",)),
    )


HOOKS: Mapping[str, Hook] = MappingProxyType({hook.name: hook for hook in _hooks()})
"""Every hook by name, in the order in which a forward pass meets those of a block."""


@dataclass(frozen=True)
class TableSize:
    """How large the tables of one hook and modality are.

    Attributes:
        rank: inner width of the bottleneck; rows at a hook of rows; 0 where there is none.
        gate_rank: inner width of the gate; 0 where there is none.
    """

    rank: int = 0
    gate_rank: int = 0


@dataclass(frozen=True)
class Site:
    """The tables of one hook and modality; `HookTables` is the same in a file, and says more.

    Attributes:
        hook: its name.
        modality: whose tokens; None at hooks of rows.
        parts: the tables that are there.
        size: of the tables.
        activation: inside bottleneck and gate.
        carry: how often what a hook beside a sub-layer reads is added as it is.
    """

    hook: str
    modality: Modality | None
    parts: tuple[str, ...]
    size: TableSize
    activation: Activation = "none"
    carry: float = 0.0

    @property
    def at(self) -> Hook:
        """The hook itself."""
        return HOOKS[self.hook]

    @property
    def shared_name(self) -> str:
        """What tables of both modalities together are called while they are tuned."""
        return self.hook.removesuffix(f".{self.modality}") + ".both"

    def shape(self, part: str, config: ModelConfig) -> tuple[int, ...]:
        """Return the shape of one table."""
        return table_shape(self.at, part, config, self.size)

    def name(self, part: str) -> str:
        """Return how one table is called in files."""
        return tensor_name(self.at, self.modality, part)


def tensor_name(hook: Hook, modality: Modality | None, part: str) -> str:
    """Return how a table is called in files, such as `block.q.image.down`, `block.prefix.key`."""
    named = (hook.name, part) if modality is None else (hook.name, modality, part)
    return ".".join(named) if hook.kind != HookKind.STEM else f"{hook.name}.{part}"


def table_shape(hook: Hook, part: str, config: ModelConfig, size: TableSize) -> tuple[int, ...]:
    """Return the shape of one table; in blocks its first axis is the K orders of the stack."""
    widths = {"model": config.width, "ffn": config.ffn_width}
    reads, writes = widths[hook.reads], widths[hook.writes]
    shapes: dict[str, tuple[int, ...]] = {
        "down": (reads, size.rank),
        "down_shift": (size.rank,),
        "up": (size.rank, writes),
        "shift": (writes,),
        "gate_down": (config.width, size.gate_rank),
        "gate_down_shift": (size.gate_rank,),
        "gate_up": (size.gate_rank, writes),
        "gate_shift": (writes,),
        "scale": (writes,),
        "key": (size.rank, writes),
        "value": (size.rank, writes),
        "rows": (size.rank, writes),
    }
    return (config.orders, *shapes[part]) if hook.in_blocks else shapes[part]
