"""A DAS model served: patches in place of skipped orders, rows of different patterns together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from artifact.golden import relative_l2
from artifact.pattern import Skipping
from artifact.stage import StageKind, StageName
from artifact.store import Artifact
from artifact.task import VQA
from engine.backends.registry import open_backend
from engine.opening.golden import PARITY_LIMITS
from engine.opening.open import open_solo
from exporters.accounting import parameters, row_flops
from exporters.export import ExportOptions, export
from exporters.graphs.recover import recover
from exporters.tasks.one_pass import Requests
from models.checkpoint import Checkpoint
from models.series import OtmvModel
from tests.engine.answers.solo_answers import vqa_logits


@pytest.fixture(scope="module")
def skipping(checkpoint: Checkpoint) -> Checkpoint:
    said = Skipping(beside=3, replacing=6, variants=((), (2,), (1, 3)))
    config = replace(checkpoint.model.config, tasks=("vqa",), skipping=said)
    torch.manual_seed(5)
    model = OtmvModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return replace(checkpoint, model=model)


@pytest.fixture(scope="module")
def served(skipping: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    said = skipping.model.config.skipping
    assert said is not None
    options = ExportOptions(patterns=said.patterns(4), whole="all")
    return export(
        skipping, tmp_path_factory.mktemp("das") / "a", None, options, lambda what, share: None
    )


def test_every_variant_is_torchs_in_stages_and_whole(
    skipping: Checkpoint, served: Artifact, questions: Requests
) -> None:
    solo, backend = open_solo(served, max_batch=5), open_backend("onnxruntime")
    tokens = [row[row != 1].tolist() for row in questions.tokens]
    image = torch.ones(len(tokens), skipping.model.config.image_tokens, dtype=torch.bool)
    whole_inputs = {
        "pixels": questions.pixels.numpy(),
        "tokens": questions.tokens.numpy(),
        "mask": torch.cat([image, questions.mask], 1).numpy(),
    }
    assert [each.id for each in served.manifest.variants] == ["p1010", "p1101", "full"]
    for variant in served.manifest.variants:
        composed = vqa_logits(solo, variant.id, list(questions.pixels.numpy()), tokens)
        name = StageName.whole(VQA.name, variant.id)
        record = served.manifest.stages[name]
        whole = backend.load(name, served.path(record.file), record).run(whole_inputs)["logits"]
        with torch.inference_mode():
            reference = skipping.model.answer(
                VQA, questions.pixels, questions.tokens, questions.mask, variant.pattern
            ).numpy()
        assert relative_l2(composed, reference) <= 1e-5
        assert relative_l2(whole, reference) <= 1e-5


@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_other_backends_answer_alike(served: Artifact, questions: Requests, backend: str) -> None:
    pytest.importorskip(backend)
    tokens = [row[row != 1].tolist() for row in questions.tokens]
    asked = list(questions.pixels.numpy()), tokens
    expected = vqa_logits(open_solo(served, max_batch=5), "p1010", *asked)
    found = vqa_logits(open_solo(served, backend, max_batch=5), "p1010", *asked)
    assert relative_l2(found, expected) <= PARITY_LIMITS[open_backend(backend).precision]


def test_rows_of_different_orders_share_a_call_of_the_patch(served: Artifact) -> None:
    name = StageName.patch()
    record = served.manifest.stages[name]
    stage = open_backend("onnxruntime").load(name, served.path(record.file), record)
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(3, 20, served.manifest.config.width, generator=generator).numpy()
    orders = np.array([1, 3, 2])
    together = stage.run({"h": h, "order": orders})
    for row in range(3):
        one = slice(row, row + 1)
        alone = stage.run({"h": h[one], "order": orders[one]})
        for output in ("h_out", "r"):
            assert relative_l2(together[output][one], alone[output]) <= 1e-6


def test_a_skipped_order_is_a_patch_in_its_programs(served: Artifact) -> None:
    solo = open_solo(served, max_batch=2)
    (program,) = solo.family.member("vqa", "p1010").programs
    kinds = [step.stage.kind for step in program.steps]
    block, patch = StageKind.BLOCK, StageKind.PATCH
    assert kinds == [StageKind.STEM, block, patch, block, patch, StageKind.HEAD]
    assert [step.order for step in program.steps[1:-1]] == [0, 1, 2, 3]
    assert program.blocks == 2


def test_what_a_variant_holds_and_costs_counts_its_adapters(skipping: Checkpoint) -> None:
    model = skipping.model
    said, width = model.config.skipping, model.config.width
    assert said is not None
    half, _, full = said.patterns(4)
    patch = 3 * width + 6 + 2 * width * 6 + 0
    beside = 2 * (3 * width + 3 + 2 * width * 3)
    plain = OtmvModel(replace(model.config, skipping=None))
    bare = replace(half, replaced=False)
    assert parameters(model, half)[1] == parameters(plain, bare)[1] + 2 * patch + 2 * beside
    more = row_flops(model, half, 5, 3) - row_flops(plain, bare, 5, 3)
    assert more == 2 * 8 * (2 * 2 * width * 6 + 2 * 2 * 2 * width * 3)
    assert row_flops(model, full, 5, 3) > row_flops(model, half, 5, 3)


def test_the_checkpoint_comes_back_out_of_the_artifact(
    skipping: Checkpoint, served: Artifact
) -> None:
    found = recover(served).model.state_dict()
    assert all(
        torch.equal(found[name], tensor)
        for name, tensor in skipping.model.state_dict().items()
        if "positions" not in name
    )


def test_the_artifact_reads_back_its_config(served: Artifact, tmp_path: Path) -> None:
    said = served.manifest.config.skipping
    assert said == Skipping(beside=3, replacing=6, variants=((), (2,), (1, 3)))
