"""Errors of building plans; each message is one line that says what to do.

BuildError
├── LibraryMissing    neither library, or not the one asked for, is installed or can be imported
├── DriverMissing     the library builds on a GPU, and there is none
├── ArchUnsupported   the library cannot build for that GPU from here
├── UnknownStages     stages the artifact does not have
├── UnknownSymbol     a stage has a size this release knows no range of
├── WeightOutOfRange  a weight is too large for fp16
├── GraphRefused      the library cannot read a stage's graph
└── BuildFailed       the library read it and made no plan of it
"""

from __future__ import annotations

from collections.abc import Sequence

from artifact.errors import how_to_install


class BuildError(Exception):
    """Plans cannot be built; `str()` is one line that says how to fix it."""


class LibraryMissing(BuildError):
    """A library is not installed, or its import fails."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        self.problem = problem
        super().__init__(f"{name}: {problem} ({how_to_install(name)})")

    @classmethod
    def both(cls) -> LibraryMissing:
        """Return the error of a machine that has neither."""
        problem = "not installed, nor is tensorrt, which builds on the GPU itself"
        return cls("tensorrt-rtx", problem)


class DriverMissing(BuildError):
    """The library can build only on the GPU the plan is for."""

    def __init__(self, name: str, problem: str) -> None:
        self.name = name
        super().__init__(
            f"{name} builds plans on the GPU they are for: {problem} "
            "(build there, or use --library tensorrt-rtx, which needs no GPU)"
        )


class ArchUnsupported(BuildError):
    """The library cannot build for this GPU here."""

    def __init__(self, name: str, arch: str, known: Sequence[str]) -> None:
        self.arch = arch
        self.known = tuple(known)
        super().__init__(f"{name} cannot build for {arch} here; use --arch {' or '.join(known)}")


class UnknownStages(BuildError):
    """Stages the artifact does not have."""

    def __init__(self, wanted: Sequence[str], known: Sequence[str]) -> None:
        self.wanted = tuple(wanted)
        super().__init__(f"no stage {', '.join(wanted)}; there are {', '.join(known)}")


class UnknownSymbol(BuildError):
    """A stage has a symbolic size without a range."""

    def __init__(self, stage: str, symbol: str) -> None:
        self.stage = stage
        self.symbol = symbol
        super().__init__(
            f"{stage}: no range is known for size {symbol!r}; "
            "upgrade otmv-serve, or leave the stage out with --stages"
        )


class WeightOutOfRange(BuildError):
    """A weight is beyond the largest number of the precision."""

    def __init__(self, weight: str) -> None:
        self.weight = weight
        super().__init__(f"{weight}: a weight is beyond the range of fp16; use --precision bf16")


class GraphRefused(BuildError):
    """The library cannot read a stage's graph; `nodes` are the operations it named."""

    def __init__(self, stage: str, nodes: Sequence[str]) -> None:
        self.stage = stage
        self.nodes = tuple(nodes)
        super().__init__(
            f"{stage}: the library cannot read the graph: {'; '.join(nodes)} "
            "(use another version of it, or leave the stage out with --stages)"
        )


class BuildFailed(BuildError):
    """The library read the graph and made no plan of it."""

    def __init__(self, stage: str, problem: str) -> None:
        self.stage = stage
        self.problem = problem
        super().__init__(
            f"{stage}: no plan was built: {problem} "
            "(free GPU memory, raise --workspace-mb, or use another version of the library)"
        )
