"""How good a model is on the data that chooses, while it is tuned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from artifact.pattern import SkipPattern
from artifact.task import TASKS, TaskName
from models.captions import SpecialTokens
from models.series import OtmvModel
from pictures.blocking import BlockingDecoder
from tuning.data.example import DataExample
from tuning.data.pixels import BadPicture, read_pixels
from tuning.data.problems import ProblemKind
from tuning.finetuning.losses import on_sets
from tuning.finetuning.task_data import TaskData
from tuning.tasks.on_sets import Asking

BATCH = 64
"""Requests computed together."""


def scores_of(
    model: OtmvModel,
    asking: Mapping[TaskName, Asking],
    data: Mapping[TaskName, TaskData],
    examples: int,
) -> dict[str, float]:
    """Measure the full depth and half of it, in fp32.

    Args:
        model: left in eval mode.
        asking: of each task.
        data: of each task; one without data that chooses is left out.
        examples: of each task at most, the first ones.

    Returns:
        By task, measure and executed orders, 0 to 1.
    """
    model.eval()
    full = SkipPattern.full(model.config.orders)
    patterns = dict.fromkeys((full.prefix((model.config.orders + 1) // 2), full))
    found: dict[str, float] = {}
    with BlockingDecoder() as decoder:
        for task, each in data.items():
            if each.chooses is not None:
                shown = _batches(model, task, each, examples, decoder)
                found |= _scores(model, asking[task], shown, patterns)
    return found


def quality_of(
    model: OtmvModel, asking: Asking, data: TaskData, examples: int, patterns: Sequence[SkipPattern]
) -> list[float]:
    """Measure patterns on the data that chooses, in fp32, 0 to 1.

    Args:
        model: left in eval mode.
        asking: of the task.
        data: of the task, with data that chooses.
        examples: at most, the first ones.
        patterns: what is executed.
    """
    model.eval()
    with BlockingDecoder() as decoder:
        shown = _batches(model, asking.task, data, examples, decoder)
        return list(_scores(model, asking, shown, patterns).values())


def _scores(
    model: OtmvModel,
    asking: Asking,
    shown: Iterable[tuple[list[DataExample], Tensor]],
    patterns: Iterable[SkipPattern],
) -> dict[str, float]:
    """Return how good each pattern is, by task, measure and executed orders."""
    answered: dict[SkipPattern, list[str]] = {pattern: [] for pattern in patterns}
    known: list[DataExample] = []
    for some, pixels in shown:
        known += some
        for pattern, answers in answered.items():
            answers += _answers(model, asking, some, pixels, pattern)
    on = on_sets(asking.task)
    return {
        f"{asking.task} {on.heading}, {len(pattern.executed)} orders": on.score(known, answers)
        for pattern, answers in answered.items()
        if known
    }


def _batches(
    model: OtmvModel, task: TaskName, data: TaskData, examples: int, decoder: BlockingDecoder
) -> Iterator[tuple[list[DataExample], Tensor]]:
    """Yield examples with known answers and their pixels; bad pictures are noted and left out."""
    assert data.chooses is not None, "the caller has looked"
    table, side_px = data.chooses.examples, model.config.image_size_of(task)
    for begin in range(0, min(examples, len(table)), BATCH):
        some: list[DataExample] = []
        pixels = []
        for each in table[begin : min(begin + BATCH, examples)]:
            try:
                seen = [read_pixels(Path(path), decoder, side_px) for path in each.pictures]
            except BadPicture as error:
                data.problems.add(ProblemKind.PICTURE, each.id, str(error))
                continue
            if each.answers:
                some.append(each)
                pixels.append(seen[0] if len(seen) == 1 else np.stack(seen))
        if some:
            yield some, torch.from_numpy(np.stack(pixels))


@torch.inference_mode()
def _answers(
    model: OtmvModel,
    asking: Asking,
    examples: Sequence[DataExample],
    pixels: Tensor,
    pattern: SkipPattern,
) -> list[str]:
    device = next(model.parameters()).device
    pixels, words = pixels.to(device), asking.words
    if TASKS[asking.task].writes:
        special = SpecialTokens(words.bos, words.eos, words.mask)
        written = model.generate(pixels, special, pattern.executed, words.longest - 1)
        return [words.text(ids) for ids in written.tolist()]
    tokens = on_sets(asking.task).labelled(asking, examples)[0].to(device)
    logits = model.answer(TASKS[asking.task], pixels, tokens, tokens != words.pad, pattern.executed)
    return [asking.labels[at] for at in logits.argmax(-1).tolist()]
