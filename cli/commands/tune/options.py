"""What the command line says beside a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class TuneOptions:
    """Options in place of what a recipe says, and where to; see `otmv tune --help`.

    Attributes:
        out: folder of the checkpoint; None: `runs/` and the recipe's name.
        dry_run: only say what it takes.
        steps, seed: in place of the recipe's.
        pictures, cache: of the generated world.
        device: cpu, cuda or auto.
    """

    out: Path | None
    dry_run: bool
    steps: int | None
    pictures: int | None
    device: str
    cache: Path
    seed: int | None
