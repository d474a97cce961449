"""An artifact of `otmv export`: its variants, run by the engine's own code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from artifact.store import open_artifact
from artifact.task import TaskName, model_task
from cli.commands.eval.subjects import Shown, Vectors
from cli.commands.eval.subjects.texts import text_problem, vectors_of_groups
from engine.opening.open import open_solo
from engine.opening.scoring import SoloAnswers, answers_to
from engine.tasks.embed import EmbedImageInput, EmbedTextInput


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
        self.tasks = tuple(dict.fromkeys(map(model_task, self._artifact.manifest.tasks)))

    def side_px(self, task: TaskName) -> int:
        """Return the side of a task's pictures."""
        return self._artifact.manifest.config.image_size_of(task)

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the ids of all variants, as the manifest has them."""
        return tuple(variant.id for variant in self._artifact.manifest.variants)

    def problem(self, texts: Sequence[str]) -> str | None:
        """Return why a text cannot be read; see `Subject`."""
        return text_problem(self._codec, texts)

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch; see `Subject`."""
        asked = [_AskedCase(each.example.text) for each in shown]
        pixels = [each.pixels for each in shown]
        return [*answers_to(self._artifact, self._solo, task, variant, asked, pixels)]

    def picture_vectors(self, variant: str, shown: Sequence[Shown]) -> list[Vectors | None]:
        """Embed pictures; see `Subject`."""
        asked = [EmbedImageInput(each.pixels[0]) for each in shown]
        return [*SoloAnswers(self._artifact, self._solo).vectors(variant, asked)[:, None]]

    def text_vectors(self, variant: str, texts: Sequence[Sequence[str]]) -> list[Vectors | None]:
        """Embed texts; see `Subject`."""
        answers = SoloAnswers(self._artifact, self._solo)
        return vectors_of_groups(
            texts, lambda some: answers.vectors(variant, [*map(EmbedTextInput, some)])
        )
