"""One model whose tasks take pictures of different sizes: exported, composed, served (ADR 0028)."""

from __future__ import annotations

import json
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from artifact.config import TaskConfig
from artifact.golden import relative_l2
from artifact.store import Artifact, open_artifact
from artifact.task import REASON, TASKS, VQA
from engine.config import EngineConfig
from engine.errors import InvalidInput
from engine.opening.open import open_solo
from engine.pool import EnginePool
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Input
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import ExportOptions, Splits, export
from exporters.graphs.recover import recover
from exporters.tasks.caption import EXPORTED_CAPTION
from exporters.tasks.reason import EXPORTED_REASON
from exporters.tasks.vqa import EXPORTED_VQA
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tests.engine.answers.solo_answers import caption_words, reason_logits, vqa_logits

SIZES = {"caption": 32, "reason": 48}
"""Sides in pixels beside the model's own 64, which questions keep."""


@pytest.fixture(scope="module")
def sized(checkpoint: Checkpoint) -> Checkpoint:
    own = {task: TaskConfig(image_size=side) for task, side in SIZES.items()}
    torch.manual_seed(5)
    model = OtmvModel(replace(checkpoint.model.config, per_task=own)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return replace(checkpoint, model=model)


@pytest.fixture(scope="module")
def artifact(
    sized: Checkpoint, splits: Splits, tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    out: Path = tmp_path_factory.mktemp("sizes") / "sized"
    export(sized, out, splits, ExportOptions(whole="none"), lambda what, share: None)
    return open_artifact(out)


def test_each_size_has_its_own_stem_and_blocks_over_the_same_weights(artifact: Artifact) -> None:
    stages = artifact.manifest.stages
    image = {name for name in stages if not name.startswith(("head", "block_decode"))}
    assert image == {
        *("stem[vqa]", "block[0]", "block[1]"),
        *("stem[vqa:48]", "block[0:48]", "block[1:48]"),
        *("stem[caption:32]", "block_image[0:32]", "block_image[1:32]", "stem[decode]"),
    }
    assert stages["stem[vqa:48]"].inputs["pixels"].shape == ("B", 48, 48, 3)
    matrices = [name for name in stages["block[0]"].initializers if name.startswith("keys.0.qkv")]
    assert matrices
    assert set(matrices) <= set(stages["block[0:48]"].initializers)


def test_answers_are_those_of_the_model(
    sized: Checkpoint, artifact: Artifact, examples: list[Example]
) -> None:
    solo, text, full = open_solo(artifact, max_batch=5), text_record(sized), range(4)
    asked = EXPORTED_VQA.requests(sized, text, examples)
    said = EXPORTED_REASON.requests(sized, text, examples)
    seen = EXPORTED_CAPTION.captions(sized, text, examples).pixels
    sides = [pixels.shape[-2] for pixels in (asked.pixels, said.pixels, seen)]
    assert sides == [64, SIZES["reason"], SIZES["caption"]]
    with torch.inference_mode():
        wanted = sized.model.answer(VQA, asked.pixels, asked.tokens, asked.mask, full)
        judged = sized.model.answer(REASON, said.pixels, said.tokens, said.mask, full)
    tokens = [row[row != text.pad].tolist() for row in asked.tokens]
    found = vqa_logits(solo, "full", list(asked.pixels.numpy()), tokens)
    assert relative_l2(found, wanted.numpy()) <= 1e-5
    tokens = [row[row != text.pad].tolist() for row in said.tokens]
    pairs = [(left, right) for left, right in said.pixels.numpy()]
    assert relative_l2(reason_logits(solo, "full", pairs, tokens), judged.numpy()) <= 1e-5
    words = sized.model.generate(seen, sized.special, full, 9).tolist()
    eos = sized.special.eos
    ended = [row[: row.index(eos)] if eos in row else row for row in words]
    assert caption_words(solo, "full", list(seen.numpy()), max_new_tokens=9) == ended


def test_the_checkpoint_comes_back_with_the_positions_of_every_size(
    artifact: Artifact, sized: Checkpoint
) -> None:
    found, wanted = recover(artifact).model.state_dict(), sized.model.state_dict()
    assert list(found) == list(wanted)
    tables = [name for name in wanted if "image_positions" in name]
    assert len(tables) == 3
    for name, tensor in wanted.items():
        first = 2 if name in tables else 0
        assert torch.equal(found[name][first:], tensor[first:]), name


def test_a_picture_of_another_task_s_size_is_refused(sized: Checkpoint) -> None:
    pixels, text = (
        torch.zeros(1, 48, 48, 3, dtype=torch.uint8),
        torch.zeros(1, 3, dtype=torch.int64),
    )
    with pytest.raises(ValueError, match="48 px; vqa takes them of 64 px"):
        sized.model.answer(VQA, pixels, text, None, range(4))
    with pytest.raises(ValueError, match="48 px; caption takes them of 32 px"):
        sized.model.see(pixels, range(4))


def _given(sized: Checkpoint, examples: list[Example]) -> list[Input]:
    text = text_record(sized)
    asked = EXPORTED_VQA.requests(sized, text, examples).pixels.numpy()
    said = EXPORTED_REASON.requests(sized, text, examples).pixels.numpy()
    seen = EXPORTED_CAPTION.captions(sized, text, examples).pixels.numpy()
    questions = [e.question for e in examples if e.question]
    statements = [e.statement for e in examples if e.statement]
    return [
        *(VqaInput(asked[i], questions[i]) for i in range(6)),
        *(ReasonInput((said[i][0], said[i][1]), statements[i]) for i in range(6)),
        *(CaptionInput(seen[i], 9) for i in range(6)),
    ]


def _send(pool: EnginePool, given: Input) -> Future[Answer]:
    rows = TASKS[given.task].rows
    request = pool.admit(given.task, Budget(variant="full"), time.monotonic(), rows=rows)
    return pool.submit(request, given)


def test_an_engine_answers_them_side_by_side(
    artifact: Artifact, sized: Checkpoint, examples: list[Example], tmp_path: Path
) -> None:
    given = _given(sized, examples)
    config = EngineConfig(cache_dir=tmp_path, max_batch=4, default_latency_ms=None)
    pool = EnginePool.open(artifact, config)
    try:
        alone = [_send(pool, each).result(30) for each in given]
        together = [future.result(30) for future in [_send(pool, each) for each in given]]
        for one, other in zip(alone, together, strict=True):
            assert (one.text, [label for label, _ in one.labels]) == (
                other.text,
                [label for label, _ in other.labels],
            )
            scores = [[score for _, score in answer.labels] for answer in (one, other)]
            assert scores[0] == pytest.approx(scores[1], rel=1e-4)
        question = given[0]
        assert isinstance(question, VqaInput)
        with pytest.raises(InvalidInput, match=r"\[48, 48, 3\]"):
            _send(pool, ReasonInput((question.pixels, question.pixels), "there is a circle"))
    finally:
        pool.close()
    written = [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")]
    (curves,) = (each["curves"] for each in written if "curves" in each)
    assert curves["block[0]"] == curves["block[1]"], "alike, so measured once"
    assert curves["block[0]"] != curves["block[0:48]"], "measured by themselves"
