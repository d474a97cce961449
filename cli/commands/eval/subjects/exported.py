"""An artifact of `otmv export`: its variants, run by the engine's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artifact.store import open_artifact
from artifact.task import TaskName
from cli.commands.eval.subjects import Shown
from cli.commands.eval.subjects.texts import text_problem
from engine.opening.open import open_solo
from engine.opening.scoring import answers_to
from tuning.data.example import DataExample


@dataclass(frozen=True)
class _AskedCase:
    """What is asked, as the engine takes cases: without what is right."""

    text: str | None
    answers: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    truth: bool | None = None


class ArtifactSubject:
    """An artifact with its stages loaded; see `Subject`.

    Raises:
        ArtifactError: the folder is none, or damaged.
        EngineError: a stage cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self._artifact = open_artifact(folder)
        self._solo = open_solo(self._artifact)
        self._codec = self._artifact.text_codec()
        manifest = self._artifact.manifest
        self.tasks, self.side_px = manifest.tasks, manifest.config.image_size

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the ids of all variants, as the manifest has them."""
        return tuple(variant.id for variant in self._artifact.manifest.variants)

    def problem(self, task: TaskName, example: DataExample) -> str | None:
        """Return why the text cannot be read; see `Subject`."""
        return text_problem(self._codec, task, example)

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch; see `Subject`."""
        asked = [_AskedCase(each.example.text) for each in shown]
        pixels = [each.pixels for each in shown]
        return [*answers_to(self._artifact, self._solo, task, variant, asked, pixels)]
