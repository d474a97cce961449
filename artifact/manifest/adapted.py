"""What of an artifact's stages has room for adapters: adapted forms (ADR 0031)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Protocol, Self

from pydantic import Field, field_validator, model_validator

from artifact.adapters.hooks import HOOKS, Activation
from artifact.manifest.records import Record, StageFile

MAX_RANK = 1024
"""The largest rank, or number of rows, that a record may state."""

_SHIFTS = frozenset(("shift", "down_shift"))


class TablesAt(Protocol):
    """The tables at one hook, as `HookTables` has them."""

    @property
    def hook(self) -> str:
        """Name of the hook."""
        ...

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the tables."""
        ...

    @property
    def rank(self) -> int:
        """Inner width of the bottleneck."""
        ...

    @property
    def gate_rank(self) -> int:
        """Inner width of the gate."""
        ...

    @property
    def activation(self) -> Activation:
        """Inside bottleneck and gate."""
        ...


class OfTables(Protocol):
    """An adapter, as `AdapterRecord` has it."""

    @property
    def tables(self) -> Sequence[TablesAt]:
        """One entry for each hook and modality."""
        ...


class AdapterCapacity(Record):
    """What the compiled stages of an artifact have room for.

    Attributes:
        ranks: by hook, the largest rank, or number of rows; a hook that is not there has no room.
            For tables without rank (`scale`, `shift`) the hook has to be there.
        gate_ranks: by hook, the largest rank of a gate.
        activations: by hook, those that a bottleneck or a gate may have; none is named: `none`.
        shifted: hooks that have room for `shift` and `down_shift`; norms always have.
    """

    ranks: dict[str, Annotated[int, Field(ge=0, le=MAX_RANK)]]
    gate_ranks: dict[str, Annotated[int, Field(ge=0, le=MAX_RANK)]] = Field(default_factory=dict)
    activations: dict[str, Annotated[tuple[Activation, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    shifted: tuple[str, ...] = ()

    @field_validator("ranks", "gate_ranks", "activations", "shifted")
    @classmethod
    def _known(cls, value: dict[str, int] | tuple[str, ...]) -> dict[str, int] | tuple[str, ...]:
        if strange := sorted(set(value) - set(HOOKS)):
            raise ValueError(f"there is no hook {strange[0]!r}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if strange := {*self.gate_ranks, *self.activations, *self.shifted} - set(self.ranks):
            raise ValueError(f"no rank is given for {min(strange)}")
        return self

    def activations_at(self, hook: str) -> tuple[Activation, ...]:
        """Return the activations that a bottleneck or gate may have there."""
        return self.activations.get(hook, ("none",))

    def lacks(self, record: OfTables) -> str | None:
        """Say for what of an adapter there is no room; None: there is for all of it."""
        for each in record.tables:
            if each.hook not in self.ranks:
                return f"the artifact has no room for tables at {each.hook}"
            for rank, rooms in ((each.rank, self.ranks), (each.gate_rank, self.gate_ranks)):
                if rank > rooms.get(each.hook, 0):
                    room = rooms.get(each.hook, 0)
                    return f"rank {rank} at {each.hook}; the artifact has room for {room}"
            bottleneck = {"down", "gate_down"} & set(each.parts)
            if bottleneck and each.activation not in self.activations_at(each.hook):
                known = ", ".join(self.activations_at(each.hook))
                return f"activation {each.activation} at {each.hook}; the artifact has {known}"
            norm = "scale" in HOOKS[each.hook].parts
            if _SHIFTS & set(each.parts) and not norm and each.hook not in self.shifted:
                return f"the artifact has no room for shifts at {each.hook}"
        return None


class AdaptedForm(Record):
    """Stages that take adapters, each in place of the plain stage it is named after.

    An artifact may have several forms; the first with room for all adapters that are loaded runs.

    Attributes:
        capacity: what it has room for.
        stages: by the plain stage's name, for stages at which the form has hooks. Beside the plain
            inputs each takes `adapter` int64 `[B]`, the row of its tables, and the tables, float32
            `[A, …]`. Row 0 changes nothing.
    """

    capacity: AdapterCapacity
    stages: dict[str, StageFile] = Field(min_length=1)
