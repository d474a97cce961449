"""A world's captions as examples that must be told apart: each is true of one picture alone."""

from __future__ import annotations

from pathlib import Path

from artifact.task import EMBED_IMAGE, EMBED_TEXT, Task
from cli.commands.export.tasks.source import ExampleSource, PictureFile
from exporters.examples import Example
from tuning.world.dataset import read_captions
from tuning.world.matching import told_apart


def _source(task: Task) -> ExampleSource:
    def read(world: Path, picture: PictureFile) -> list[Example]:
        """Return the first pictures that their captions tell apart, each with its own."""
        records = read_captions(world)
        chosen = [records[place] for place in told_apart([each.caption for each in records])]
        return [Example(picture(each.image), task.name, question=each.caption) for each in chosen]

    return ExampleSource(task.name, read, golden_cases=100)


IMAGE_SOURCE, TEXT_SOURCE = _source(EMBED_IMAGE), _source(EMBED_TEXT)
