"""What a module of this folder gives of its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from artifact.task import Task
from loadtests.kit.asking.answers import RightAnswers
from loadtests.kit.asking.world import World


class SendableCase(Protocol):
    """One request that can be sent, and how its answer is judged."""

    def form(self, fields: Mapping[str, str]) -> bytes:
        """Return it as a multipart body with further fields."""
        ...

    def json(self) -> dict[str, Any]:
        """Return it as a JSON body, pictures in base64."""
        ...

    def check(self, found: Mapping[str, Any], score: RightAnswers) -> None:
        """Check that an answer is whole, and count whether it is right.

        Raises:
            WrongAnswer: something promised is missing.
        """
        ...


@dataclass(frozen=True)
class PassWork:
    """What a method does of a task in one pass of Table 4.

    `image_px`: side of a picture; `batch`: requests; `words`: of each caption.
    """

    image_px: int
    batch: int
    words: int = 0


@dataclass(frozen=True)
class AskedTask:
    """How a task is asked over HTTP.

    Attributes:
        task: which.
        read: its cases in a world; the number is the most it may return.
        draw: its cases on drawn pictures (JPEG files), whose answers are not known.
        table4: its work in Table 4, by preset.
    """

    task: Task
    read: Callable[[World, int], Sequence[SendableCase]]
    draw: Callable[[Sequence[bytes]], Sequence[SendableCase]]
    table4: Mapping[str, PassWork] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """Where a server answers it."""
        return f"/v1/{self.task.name}"
