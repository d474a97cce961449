"""A checkpoint's variants on a generated world, where captions are judged by the objects named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import say, share_progress, show, table

if TYPE_CHECKING:
    from artifact.config import ModelConfig
    from artifact.pattern import SkipPattern
    from models.checkpoint import Checkpoint
    from tuning.labelled import LabelledData
    from tuning.tasks.scores import VariantScore


@dataclass(frozen=True)
class WorldOptions:
    """Which pictures of a world are shown.

    Attributes:
        folder: of `otmv world`; None: a generated world.
        seed, count, questions: of the generated world.
        blank: grey pictures only.
    """

    folder: Path | None
    seed: int
    count: int
    questions: int
    blank: bool


def measure_on_world(
    where: Path,
    checkpoint: Checkpoint,
    patterns: list[SkipPattern],
    world: WorldOptions,
    device: str,
) -> None:
    """Print right answers, objects named and right judgements of each variant on a world.

    Raises:
        WorldError, TextError, ValueError: the world cannot be read or made, or not by this model.
    """
    from tuning.labelled import from_folder, generated

    side_px = checkpoint.model.config.image_size
    if world.folder is not None:
        data = from_folder(world.folder, side_px)
    else:
        data = generated(world.seed, world.count, world.questions, side_px)
    scores = _measure(checkpoint, data.blank() if world.blank else data, patterns, device)
    on = str(world.folder) if world.folder else f"world seed {world.seed}"
    print_scores(data, scores, f"{where} on {on}{', blank pictures' if world.blank else ''}")


def read_patterns(text: str | None, config: ModelConfig) -> list[SkipPattern]:
    """Read `--patterns`; by default every prefix of the stack, or what DAS has found."""
    from artifact.pattern import SkipPattern
    from tuning.tasks.scores import ladder

    orders, skipping = config.orders, config.skipping
    if text is None:
        return list(skipping.patterns(orders) if skipping else ()) or ladder(orders)
    chosen = [SkipPattern.from_bits(bits) for bits in text.replace(",", " ").split()]
    if not chosen:
        raise ValueError("--patterns is empty; write for example 11001100,10101010")
    for pattern in chosen:
        if pattern.orders != orders:
            raise ValueError(f"{pattern.bits} has {pattern.orders} orders, the model {orders}")
    return chosen


def _measure(
    checkpoint: Checkpoint, data: LabelledData, patterns: list[SkipPattern], device: str
) -> list[VariantScore]:
    """Score every pattern under one progress bar."""
    from tuning.device import choose_device
    from tuning.evaluation import Evaluation
    from tuning.tasks.scores import score

    evaluation = Evaluation(checkpoint, data, choose_device(device))
    scores = []
    with share_progress(remaining=True) as report:
        for done, pattern in enumerate(patterns):

            def advance(share: float, done: int = done, bits: str = pattern.bits) -> None:
                report(bits, (done + share) / len(patterns))

            advance(0.0)
            scores.append(score(evaluation, pattern, advance))
    return scores


def print_scores(data: LabelledData, scores: list[VariantScore], title: str) -> None:
    """Print one row per variant, and for the one with most orders each kind of text."""
    from artifact.task import TASKS
    from tuning.tasks import TUNED_TASKS

    measured = [name for name in TUNED_TASKS if any(name in score.tasks for score in scores)]
    measures = [TUNED_TASKS[name].heading for name in measured]
    rows = []
    for score in scores:
        parts = [score.tasks.get(name) for name in measured]
        shares = (_share(part.quality if part else None) for part in parts)
        rows.append((str(score.pattern.depth), score.pattern.bits, *shares))
    say(title)
    show(table(None, (), ("orders", "pattern", *measures), rows))
    deepest = max(scores, key=lambda score: score.pattern.depth)
    for name, found in deepest.tasks.items():
        if shown := "  ".join(f"{kind} {_share(share)}" for kind, share in found.kinds.items()):
            asked = TASKS[name].text if name in TASKS else "query"
            say(f"{deepest.pattern.bits} by kind of {asked}: {shown}")
    questions, stated = len(data.questions), len(data.statements)
    say(f"{len(data.pixels)} pictures, {questions} questions, {stated} statements")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
