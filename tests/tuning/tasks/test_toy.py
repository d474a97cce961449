"""A new task is tuned and scored through the registries alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from artifact.config import ModelConfig
from artifact.pattern import SkipPattern
from artifact.task import Task
from models.checkpoint import Checkpoint, load
from models.series import OtmvModel
from tests.toy_task.registered import add_size_task
from tests.toy_task.task import SIZE, size_label
from tests.toy_task.tuned import size_batch
from tuning.evaluation import Evaluation
from tuning.labelled import generated
from tuning.loop import TuningProgress, tune
from tuning.pool import PicturePool
from tuning.recipe import Recipe
from tuning.tasks import TUNED_TASKS
from tuning.tasks.scores import score
from tuning.tokens import world_tokenizer
from tuning.world.captions import phrases
from tuning.world.dataset import scene_of
from tuning.world.vocabulary import ANSWERS

CPU = torch.device("cpu")
FULL = SkipPattern.full(8)


@pytest.fixture
def size_task(monkeypatch: pytest.MonkeyPatch) -> Task:
    add_size_task(monkeypatch)
    return SIZE


@pytest.fixture
def config(smoke: Recipe, size_task: Task) -> ModelConfig:
    return dataclasses.replace(smoke.config, tasks=(size_task.name,))


def test_batches_hold_the_right_labels(pool: PicturePool) -> None:
    batch = size_batch(pool, 0, 0, 12)
    for pixels, label in zip(batch.pixels, batch.labels, strict=True):
        place = int((torch.from_numpy(pool.pixels) == pixels).all(dim=(1, 2, 3)).nonzero()[0])
        objects = len(phrases(scene_of(1, place)))
        assert SIZE.labels is not None
        assert SIZE.labels[int(label)] == size_label(objects)


def test_it_is_tuned(config: ModelConfig, smoke: Recipe, pool: PicturePool, tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        smoke.shortened(40), config=config, batch_sizes={"size": 16}, learning_rate=4e-3
    )
    seen: list[TuningProgress] = []
    tuned = tune(recipe, pool, tmp_path, CPU, seen.append)
    assert {name for each in seen for name in each.tasks} == {"size"}
    losses = [each.tasks["size"].loss for each in seen]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    loaded = load(tmp_path)
    assert loaded.note["size_batch"] == 16
    for name, tensor in tuned.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor)


def test_it_is_tuned_beside_the_others(
    smoke: Recipe, pool: PicturePool, size_task: Task, tmp_path: Path
) -> None:
    config = dataclasses.replace(smoke.config, tasks=(*smoke.config.tasks, size_task.name))
    sizes = {**smoke.batch_sizes, size_task.name: 4}
    seen: list[TuningProgress] = []
    tune(
        dataclasses.replace(smoke, config=config, batch_sizes=sizes),
        pool,
        tmp_path,
        CPU,
        seen.append,
    )
    assert all(list(each.tasks) == ["vqa", "caption", "reason", "size"] for each in seen)


@pytest.mark.parametrize("label", SIZE.labels or ())
def test_it_is_scored(config: ModelConfig, label: str) -> None:
    model = OtmvModel(config).eval()
    data = generated(9, 12, 2, config.image_size)
    right = [size_label(len(objects)) for objects in data.objects]
    assert SIZE.labels is not None
    with torch.no_grad():
        model.heads["size"].sizes.bias[SIZE.labels.index(label)] = 1e4
    checkpoint = Checkpoint(model, world_tokenizer(), ANSWERS, None, {})
    shares: list[float] = []
    found = score(Evaluation(checkpoint, data, CPU), FULL, shares.append).tasks["size"]
    assert found.quality == pytest.approx(right.count(label) / len(right))
    assert found.kinds == {each: float(each == label) for each in right}
    assert shares[-1] == 1.0


def test_a_task_that_tuning_does_not_know(
    config: ModelConfig,
    smoke: Recipe,
    pool: PicturePool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(TUNED_TASKS, "size")
    recipe = dataclasses.replace(smoke, config=config, batch_sizes={"size": 4})
    with pytest.raises(ValueError, match="add it to tuning/tasks"):
        tune(recipe, pool, tmp_path, CPU)
    with pytest.raises(ValueError, match="no batch size for size"):
        dataclasses.replace(smoke, config=config)
