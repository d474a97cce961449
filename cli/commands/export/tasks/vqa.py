"""A world's questions as labelled examples."""

from __future__ import annotations

from pathlib import Path

from artifact.task import VQA
from cli.commands.export.tasks.source import ExampleSource, PictureFile
from exporters.examples import Example
from tuning.world.dataset import read_vqa


def _read(world: Path, picture: PictureFile) -> list[Example]:
    """Return every question with its answer."""
    return [
        Example(picture(record.image), VQA.name, question=record.question, answers=(record.answer,))
        for record in read_vqa(world)
    ]


SOURCE = ExampleSource(_read, golden_cases=600)
