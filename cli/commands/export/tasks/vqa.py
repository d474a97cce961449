"""A world's questions as labelled examples."""

from __future__ import annotations

from pathlib import Path

from artifact.task import VQA
from cli.commands.export.tasks.source import ExampleSource, PictureFile
from exporters.examples import Example
from tuning.data.example import DataExample
from tuning.world.dataset import read_vqa


def _read(world: Path, picture: PictureFile) -> list[Example]:
    """Return every question with its answer."""
    return [
        Example(picture(record.image), VQA.name, question=record.question, answers=(record.answer,))
        for record in read_vqa(world)
    ]


def _of_data(example: DataExample, picture: PictureFile) -> Example:
    """Return a question; the ladder is searched by the answer that most annotators gave."""
    most = max(example.answers, key=example.answers.count)
    answers = tuple(sorted(example.answers, key=lambda answer: answer != most))
    (name,) = example.pictures
    return Example(picture(name), VQA.name, question=example.text, answers=answers)


SOURCE = ExampleSource(VQA.name, _read, golden_cases=600, of_data=_of_data)
