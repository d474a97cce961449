"""A world's captions as labelled examples."""

from __future__ import annotations

from pathlib import Path

from artifact.task import CAPTION
from cli.commands.export.tasks.source import ExampleSource, PictureFile
from exporters.examples import Example
from tuning.world.dataset import read_captions


def _read(world: Path, picture: PictureFile) -> list[Example]:
    """Return every picture with its caption and the objects a caption should name."""
    return [
        Example(
            picture(record.image),
            CAPTION.name,
            caption=record.caption,
            phrases=tuple(record.objects),
        )
        for record in read_captions(world)
    ]


SOURCE = ExampleSource(CAPTION.name, _read, golden_cases=100)
