from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from artifact.store import Artifact
from artifact.task import TaskName
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import ExportOptions, Splits, export
from exporters.tasks import exported_task
from exporters.tasks.caption import EXPORTED_CAPTION, ExportedCaptions
from exporters.tasks.contract import SearchRows
from exporters.tasks.one_pass import Requests
from exporters.tasks.reason import EXPORTED_REASON
from exporters.tasks.vqa import EXPORTED_VQA
from models.checkpoint import Checkpoint
from models.presets import spread_keys
from models.series import OtmvModel
from tuning.recipe import demo_config
from tuning.tokens import world_tokenizer
from tuning.world.dataset import read_captions, read_pairs, read_vqa, write_world
from tuning.world.vocabulary import ANSWERS, DOMAIN


@pytest.fixture(scope="session")
def checkpoint() -> Checkpoint:
    """A model of 4 orders on 2 keys whose every parameter is random, norms and coefficients too."""
    torch.manual_seed(11)
    config = demo_config("tiny", keys=2, width=32, heads=2)
    config = replace(config, key_of_order=spread_keys(4, 2))
    model = OtmvModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return Checkpoint(model, world_tokenizer(), ANSWERS, "0" * 64, {"steps": 0}, DOMAIN)


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    return examples_of(tmp_path_factory.mktemp("world") / "w", 99)


def examples_of(world: Path, seed: int) -> list[Example]:
    write_world(world, 10, seed)
    questions = [
        Example((world / r.image).read_bytes(), "vqa", question=r.question, answers=(r.answer,))
        for r in read_vqa(world)
    ]
    captions = [
        Example((world / r.image).read_bytes(), "caption", caption=r.caption, phrases=r.objects)
        for r in read_captions(world)
    ]
    statements = [
        Example(
            (world / r.left).read_bytes(),
            "reason",
            right_image=(world / r.right).read_bytes(),
            statement=r.statement,
            truth=r.truth,
        )
        for r in read_pairs(world)
    ]
    return [*questions, *captions, *statements]


@pytest.fixture(scope="session")
def questions(checkpoint: Checkpoint, examples: list[Example]) -> Requests:
    return EXPORTED_VQA.requests(checkpoint, text_record(checkpoint), examples)


@pytest.fixture(scope="session")
def captions(checkpoint: Checkpoint, examples: list[Example]) -> ExportedCaptions:
    return EXPORTED_CAPTION.captions(checkpoint, text_record(checkpoint), examples)


@pytest.fixture(scope="session")
def statements(checkpoint: Checkpoint, examples: list[Example]) -> Requests:
    return EXPORTED_REASON.requests(checkpoint, text_record(checkpoint), examples)


@pytest.fixture(scope="session")
def search_rows(checkpoint: Checkpoint, examples: list[Example]) -> dict[TaskName, SearchRows]:
    text = text_record(checkpoint)
    return {
        name: exported_task(name).search_rows(checkpoint, text, examples)
        for name in checkpoint.model.config.tasks
    }


@pytest.fixture(scope="session")
def splits(examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Splits:
    """What chooses the variants, and other pictures that report their quality."""
    search = examples_of(tmp_path_factory.mktemp("world") / "w", 98)
    return Splits(search, examples, examples, ("search", "report"))


@pytest.fixture(scope="session")
def exported(
    checkpoint: Checkpoint, splits: Splits, tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    out: Path = tmp_path_factory.mktemp("artifact") / "tiny"
    return export(checkpoint, out, splits, ExportOptions(card="card"), lambda what, share: None)
