"""A gallery of all methods: every graph is its model, weights once, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from artifact.config import ModelConfig, Task
from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME, Manifest
from artifact.program import whole_stages
from artifact.store import Artifact, open_artifact
from engine.backends.registry import open_backend
from engine.policy import qualifying
from engine.solo import Solo
from engine.types import Budget, Offer
from exporters import parity
from exporters.accounting import caption_image_flops, vqa_flops
from exporters.gallery import export_gallery
from exporters.wholes import whole
from models.comparators import METHODS, build
from tests.models.comparators.shapes import base
from tuning.tokens import world_tokenizer

ORDERS, SEED = 3, 4

SIZES = (
    {"B": 1, "L": 5, "N": 10, "T": 6},
    {"B": 4, "L": 13, "N": 18, "T": 21},
)
"""Rows, text, tokens (5 of them the picture's) and cache lengths no graph was traced with."""

CASES = [(method, task) for method in METHODS for task in ("vqa", "reason", "caption")]


def config() -> ModelConfig:
    """Return a base whose vocabulary holds the tokenizer's words."""
    return base(ORDERS, vocab_size=world_tokenizer().get_vocab_size())


def quiet(what: str, share: float) -> None:
    assert what
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    out = tmp_path_factory.mktemp("gallery") / "all"
    return export_gallery(config(), world_tokenizer(), tuple(METHODS), out, quiet, SEED)


@pytest.mark.parametrize(("method", "task"), CASES)
def test_every_graph_computes_what_its_model_computes(
    gallery: Artifact, method: str, task: Task
) -> None:
    made = build(method, config(), SEED)
    stages = whole(made.model, task, method, made.pattern)
    assert tuple(stage.name for stage in stages) == whole_stages(task, method)
    cases = [case for stage in stages for case in parity.reference_cases(stage, SIZES, 700)]
    records = parity.check(gallery.root, gallery.manifest.stages, cases)
    assert [record.stage for record in records] == [stage.name for stage in stages]
    assert max(record.relative_l2 for record in records) <= 1e-5


@pytest.mark.parametrize(("method", "task"), CASES)
def test_a_row_alone_is_the_row_in_company(gallery: Artifact, method: str, task: Task) -> None:
    made, backend = build(method, config(), SEED), open_backend("onnxruntime")
    for stage in whole(made.model, task, method, made.pattern):
        record = gallery.manifest.stages[stage.name]
        loaded = backend.load(stage.name, gallery.path(record.file), record)
        drawn = stage.random_inputs({"B": 5, "L": 9, "N": 14, "T": 11}, 31)
        inputs = {name: tensor.numpy() for name, tensor in drawn.items()}
        together = loaded.run(inputs)
        for row in (0, 3):
            alone = loaded.run({name: array[row : row + 1] for name, array in inputs.items()})
            for name, array in alone.items():
                assert relative_l2(np.asarray(array), together[name][row : row + 1]) <= 1e-5


def test_the_manifest_names_the_methods_in_table_4_s_order(gallery: Artifact) -> None:
    manifest = gallery.manifest
    assert [variant.id for variant in manifest.variants] == list(METHODS)
    assert manifest.config == config()
    for variant in manifest.variants:
        made = build(variant.id, config(), SEED)
        assert variant.pattern == made.pattern.executed
        assert variant.flops_vqa == vqa_flops(made.model, made.pattern, 18)
        image = caption_image_flops(made.model, made.pattern, composed=False)
        assert variant.flops_caption_image == image
        assert None not in (variant.flops_caption, variant.flops_reason)
        assert variant.quality_of("vqa", "fp32") is None
        assert variant.quality_source is None
    assert {record.stage for record in manifest.parity} == set(manifest.stages)
    assert open_artifact(gallery.root).manifest == manifest


def test_cached_keys_follow_each_order_s_own_heads(gallery: Artifact) -> None:
    stages = gallery.manifest.stages
    pruned = stages["whole_image[caption:upop]"].outputs
    assert {pruned[f"k.{order}"].shape[3] for order in range(ORDERS)} != {8}
    assert stages["whole_image[caption:flextron]"].outputs["v.0"].shape == ("B", 3, 5, 8)
    word = stages["whole_decode[caption:otmv]"]
    assert list(word.inputs) == ["tokens", "position", "mask", "k.0", "v.0", "k.2", "v.2"]
    assert list(word.outputs) == ["logits", "k_new.0", "v_new.0", "k_new.2", "v_new.2"]


def test_every_stage_has_golden_cases(gallery: Artifact) -> None:
    assert gallery.manifest.golden is not None
    cases = read_stage_cases(gallery.path(gallery.manifest.golden.stages))
    assert {case.stage for case in cases} == set(gallery.manifest.stages)
    parity.check(gallery.root, gallery.manifest.stages, cases)


def test_tensors_that_methods_share_are_stored_once(gallery: Artifact) -> None:
    tensors = load_file(gallery.path(WEIGHTS_NAME))
    assert len({(array.shape, array.tobytes()) for array in tensors.values()}) == len(tensors)
    named = {
        method: set[str]().union(*(gallery.manifest.stages[s].initializers for s in stages))
        for method in METHODS
        if (stages := whole_stages("vqa", method))
    }
    assert named["efficientvlm"] < named["full"]
    assert len(named["full"] & named["petadapter"]) > 0.9 * len(named["full"])
    assert set().union(*named.values()) <= set(tensors)
    sizes = gallery.tensor_bytes()
    assert {name: array.nbytes for name, array in tensors.items()} == sizes


def test_a_named_method_is_served_without_a_quality(gallery: Artifact) -> None:
    offers = [
        Offer("vqa", v.id, v.pattern, "", (), None, 0.1, 1, True) for v in gallery.manifest.variants
    ]
    chosen = qualifying(offers, Budget(variant="vlpet"))
    assert [offer.variant for offer in chosen] == ["vlpet"]
    asked = Artifact(gallery.root, questions_alone(gallery.manifest), gallery.hash)
    pixels = np.full((8, 8, 3), 99, np.uint8)
    made = build("vlpet", config(), SEED)
    with torch.inference_mode():
        expected = made.model.vqa(
            torch.from_numpy(pixels)[None],
            torch.tensor([[0, 7, 9, 2]]),
            torch.ones(1, 4, dtype=torch.bool),
            made.pattern.executed,
        )
    logits = Solo.open(asked).vqa_logits("vlpet", [pixels], [[0, 7, 9, 2]])
    assert relative_l2(logits, expected.numpy()) <= 1e-5


def questions_alone(manifest: Manifest) -> Manifest:
    return manifest.model_copy(update={"tasks": ("vqa",)})


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path) -> None:
    def report(what: str, share: float) -> None:
        if "lora" in what:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        export_gallery(
            base(1, tasks=("vqa",)), world_tokenizer(), ("full", "lora"), tmp_path / "out", report
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("methods", "needle"), [((), "no method; there are full"), (("full", "x"), "no method 'x'")]
)
def test_unknown_methods_are_refused(tmp_path: Path, methods: tuple[str, ...], needle: str) -> None:
    with pytest.raises(ValueError, match=needle):
        export_gallery(config(), world_tokenizer(), methods, tmp_path / "out", quiet)
    assert list(tmp_path.iterdir()) == []
