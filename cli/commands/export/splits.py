"""The examples of an export: one world to search the ladder on, another to report quality on."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cli.commands.export.tasks import caption, embed, reason, vqa
from cli.commands.export.tasks.source import ExampleSource
from exporters.examples import Example
from exporters.export import Splits
from tuning.recipe import LADDER_SEED, QUALITY_SEED
from tuning.world.dataset import write_world

SEARCH_PICTURES = 400
"""Pictures, six questions each, that the ladder is searched on."""

SEARCH_STATEMENTS = 6
"""Statements about each pair of them."""


SOURCES = (vqa.SOURCE, caption.SOURCE, reason.SOURCE, embed.IMAGE_SOURCE, embed.TEXT_SOURCE)
"""Of every task that a world has examples of."""


def draw_splits(data: Path | None, pictures: int) -> Splits:
    """Return examples to search the ladder on, to report quality on, and to keep as golden.

    Args:
        data: a world folder to report on; None: fresh pictures.
        pictures: how many fresh pictures.

    Raises:
        WorldError: `data` is no world, or one from before there were statements.
    """
    with tempfile.TemporaryDirectory() as folder:
        search, report = Path(folder) / "search", Path(folder) / "report"
        write_world(search, SEARCH_PICTURES, LADDER_SEED, statements_per_pair=SEARCH_STATEMENTS)
        if data is None:
            write_world(report, pictures, QUALITY_SEED)
            name = f"generated world, seed {QUALITY_SEED}, {pictures} pictures"
        else:
            report, name = data, f"world {data.name}"
        found = _examples(search)
        names = (f"generated world, seed {LADDER_SEED}, {SEARCH_PICTURES} pictures", name)
        return Splits(
            search=[e for source, examples in found for e in examples[:: source.search_every]],
            report=[e for _, examples in _examples(report) for e in examples],
            golden=[e for source, examples in found for e in examples[: source.golden_cases]],
            names=names,
        )


def _examples(world: Path) -> list[tuple[ExampleSource, list[Example]]]:
    """Read a world's examples, task by task; a picture's file is read once."""
    files: dict[str, bytes] = {}

    def picture(name: str) -> bytes:
        if name not in files:
            files[name] = (world / name).read_bytes()
        return files[name]

    return [(source, source.read(world, picture)) for source in SOURCES]
