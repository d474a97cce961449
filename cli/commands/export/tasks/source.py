"""Where a task's labelled examples come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporters.examples import Example

PictureFile = Callable[[str], bytes]
"""Takes a picture's name in a world; returns the bytes of its file."""


@dataclass(frozen=True)
class ExampleSource:
    """How one task's examples come from a world, and how many of them an export uses.

    Attributes:
        read: from a world's folder and its pictures to all examples of the task.
        golden_cases: how many of them, from the first, a server checks itself by. With 600, three
            answers may turn before half a point is lost.
        search_every: the ladder search takes every one, every second, ...
    """

    read: Callable[[Path, PictureFile], list[Example]]
    golden_cases: int
    search_every: int = 1
