"""A world's statements about two pictures as labelled examples."""

from __future__ import annotations

from pathlib import Path

from artifact.scoring.measures import TRUTHS
from artifact.task import REASON
from cli.commands.export.tasks.source import ExampleSource, PictureFile
from exporters.examples import Example
from tuning.data.example import DataExample
from tuning.world.dataset import read_pairs


def _read(world: Path, picture: PictureFile) -> list[Example]:
    """Return every statement with its two pictures and whether it is true."""
    return [
        Example(
            picture(record.left),
            REASON.name,
            right_image=picture(record.right),
            statement=record.statement,
            truth=record.truth,
        )
        for record in read_pairs(world)
    ]


def _of_data(example: DataExample, picture: PictureFile) -> Example:
    """Return a statement, and whether it is true."""
    left, right = example.pictures
    return Example(
        picture(left),
        REASON.name,
        right_image=picture(right),
        statement=example.text,
        truth=example.answers[0] == TRUTHS[True],
    )


SOURCE = ExampleSource(REASON.name, _read, golden_cases=600, search_every=3, of_data=_of_data)
