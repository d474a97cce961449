"""The tables that an adapter has at one hook, as `adapter.json` names them (ADR 0031)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from pydantic import Field, field_validator, model_validator

from artifact.adapters.hooks import (
    BOTTLENECK,
    GATE,
    HOOKS,
    Activation,
    Hook,
    HookKind,
    Modality,
    Site,
    TableSize,
)
from artifact.config import ModelConfig
from artifact.manifest.adapted import MAX_RANK
from artifact.manifest.records import Record


class HookTables(Record):
    """The tables at one hook, for the tokens of one modality.

    Attributes:
        hook: a name of `HOOKS`.
        modality: whose tokens; None at hooks of rows.
        parts: the tables that are in the file; some or all that the hook may have.
        rank: inner width of the bottleneck, or number of rows; 0 where there is neither.
        gate_rank: inner width of the gate.
        activation: inside bottleneck and gate.
        carry: how often what a hook beside a sub-layer reads is added as it is.
    """

    hook: str
    modality: Modality | None = None
    parts: tuple[str, ...] = Field(min_length=1)
    rank: int = Field(default=0, ge=0, le=MAX_RANK)
    gate_rank: int = Field(default=0, ge=0, le=MAX_RANK)
    activation: Activation = "none"
    carry: float = 0.0

    @field_validator("hook")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in HOOKS:
            raise ValueError(f"there is no hook {value[:80]!r}; there are {', '.join(HOOKS)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if problem := self._problem():
            raise ValueError(f"{self.hook}: {problem}")
        return self

    def _problem(self) -> str | None:
        hook, parts = self.at, set(self.parts)
        if self.modality not in hook.modalities():
            return f"no tables of modality {self.modality}"
        if len(parts) < len(self.parts) or not parts <= set(hook.parts):
            return f"its parts may be {', '.join(hook.parts)}, each once"
        rows = hook.kind == HookKind.ROWS
        if rows and parts != set(hook.parts):
            return f"needs {' and '.join(hook.parts)}"
        for family, rank in ((BOTTLENECK, self.rank), (GATE, self.gate_rank)):
            down, down_shift, up, shift = family
            if (down in parts) != (up in parts) or (down_shift in parts and down not in parts):
                return f"{down} and {up} go together, and {down_shift} with them"
            if family is GATE and shift in parts and down not in parts:
                return f"{shift} needs {down}"
            if (rank > 0) != (down in parts or (rows and family is BOTTLENECK)):
                return f"rank {rank} does not go with its tables"
        if self.carry and hook.kind != HookKind.BESIDE:
            return "only a hook beside a sub-layer carries"
        return None

    @property
    def at(self) -> Hook:
        """The hook itself."""
        return HOOKS[self.hook]

    @classmethod
    def of(cls, site: Site) -> Self:
        """Return what a site is in a file."""
        return cls(
            hook=site.hook,
            modality=site.modality,
            parts=site.parts,
            rank=site.size.rank,
            gate_rank=site.size.gate_rank,
            activation=site.activation,
            carry=site.carry,
        )

    @property
    def site(self) -> Site:
        """It without pydantic."""
        size = TableSize(self.rank, self.gate_rank)
        return Site(self.hook, self.modality, self.parts, size, self.activation, self.carry)

    def tensors(self, config: ModelConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield the name in the file and the shape of each table."""
        for part in self.parts:
            yield self.site.name(part), self.site.shape(part, config)
