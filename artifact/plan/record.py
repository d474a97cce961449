"""What stands beside a plan: its target, its bindings, its sizes, and what it was built from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from artifact.config import Precision

PORTABLE = "portable"
"""The arch of a plan for every GPU from compute capability 8.0 on (TensorRT for RTX only)."""

_PORTABLE_FROM = 80
PlanLibrary = Literal["tensorrt", "tensorrt-rtx"]
PlanDtype = Literal["uint8", "int32", "int64", "bool", "float32", "float16", "bfloat16"]


class _PlanPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlanTarget(_PlanPart):
    """What a plan runs on: library and version to the letter, GPU, and precision of its products.

    `arch` is the compute capability: 8.9 is `sm_89`, 12.0 is `sm_120`; or `portable`.
    """

    library: PlanLibrary
    version: str = Field(pattern=r"^[0-9A-Za-z.+_-]+$", max_length=40)
    arch: str = Field(pattern=r"^(sm_[0-9]{2,3}|portable)$")
    precision: Precision

    @property
    def folder(self) -> str:
        """The name of the folder that holds plans for it."""
        return f"{self.library}-{self.version}-{self.arch}-{self.precision}"

    @property
    def portable(self) -> PlanTarget | None:
        """The same for every GPU, if this one can use such a plan and the library makes one."""
        newer = self.arch != PORTABLE and int(self.arch[3:]) >= _PORTABLE_FROM
        if self.library != "tensorrt-rtx" or not newer:
            return None
        return self.model_copy(update={"arch": PORTABLE})


class PlanTensor(_PlanPart):
    """One binding. `dtype` is what the plan takes or gives, which may differ from the stage's.

    The caller casts. Symbols of `shape` are those of the manifest.
    """

    dtype: PlanDtype
    shape: tuple[int | str, ...]


class SizeRange(_PlanPart):
    """What a symbol may be, and the size the kernels were chosen for."""

    smallest: int = Field(ge=1)
    usual: int = Field(ge=1)
    largest: int = Field(ge=1)

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.smallest <= self.usual <= self.largest:
            raise ValueError("smallest, usual and largest ascend")
        return self


class OptimizationProfile(_PlanPart):
    """Smallest, usual and largest shapes, written as sizes of the symbols (B, N, L, T)."""

    sizes: dict[str, SizeRange]

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Return whether every symbol's size lies within its range."""
        return all(
            name in sizes and one.smallest <= sizes[name] <= one.largest
            for name, one in self.sizes.items()
        )


class PlanRecord(_PlanPart):
    """The file beside a plan: what it was built from, by what, and what it takes.

    `artifact` is the artifact's hash and `graph_sha256` that of the stage's file. `source` is the
    digest of all that decides the plan's content (graph, weights, optimization profiles, target,
    build settings): equal sources need no second build.
    """

    record_version: Literal[1] = 1
    stage: str
    artifact: str
    graph_sha256: str
    source: str
    target: PlanTarget
    inputs: dict[str, PlanTensor]
    outputs: dict[str, PlanTensor]
    profiles: tuple[OptimizationProfile, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)
    build_s: float = Field(ge=0.0)
    toolchain: dict[str, str] = Field(default_factory=dict)

    def profile_for(self, sizes: Mapping[str, int]) -> int | None:
        """Return the index of the first optimization profile that holds these sizes, or None."""
        held = (index for index, one in enumerate(self.profiles) if one.holds(sizes))
        return next(held, None)

    def to_json(self) -> str:
        """Return the record as its file's text."""
        return self.model_dump_json(indent=1) + "\n"
