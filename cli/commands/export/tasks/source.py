"""Where a task's labelled examples come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from artifact.task import TaskName
from exporters.examples import Example
from tuning.data.example import DataExample

PictureFile = Callable[[str], bytes]
"""Takes a picture's name in a world; returns the bytes of its file."""


@dataclass(frozen=True)
class ExampleSource:
    """How one task's examples come from a world, and how many of them an export uses.

    Attributes:
        task: its name.
        read: from a world's folder and its pictures to all examples of the task.
        golden_cases: how many of them, from the first, a server checks itself by. With 600, three
            answers may turn before half a point is lost.
        search_every: the ladder search takes every one, every second, ...
        of_data: from an example of a data set; None: what is right cannot be told from its answers.
    """

    task: TaskName
    read: Callable[[Path, PictureFile], list[Example]]
    golden_cases: int
    search_every: int = 1
    of_data: Callable[[DataExample, PictureFile], Example] | None = None
