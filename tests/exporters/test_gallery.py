"""A gallery of all methods: every graph is its model, weights once, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from artifact.config import Task
from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME
from artifact.program import whole_stage, whole_stages
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

SEED = 4

SIZES = (
    {"B": 1, "L": 5, "N": 10, "T": 6},
    {"B": 4, "L": 13, "N": 18, "T": 21},
)
"""Rows, text, tokens (5 of them the picture's) and cache lengths no graph was traced with."""

WORDS = world_tokenizer().get_vocab_size()
DEEP = base(3, vocab_size=WORDS)
"""For slices that differ by layer, orders that are skipped, and keys that are shared."""

ASKED = base(2, vocab_size=WORDS, tasks=("vqa",))
"""For what is added to a layer."""

TASKS: tuple[Task, ...] = ("vqa", "reason", "caption")
CASES = [
    *(("deep", method, task) for method in ("upop", "otmv") for task in TASKS),
    *(("asked", method, "vqa") for method in ("full", "vlpet", "loraunmerged")),
]
"""A trace takes seconds: these kinds of structure always, every method where there is time."""


def quiet(what: str, share: float) -> None:
    assert what
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    out = tmp_path_factory.mktemp("gallery") / "deep"
    return export_gallery(DEEP, world_tokenizer(), ("otmv", "upop"), out, quiet, SEED)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    out = tmp_path_factory.mktemp("gallery") / "asked"
    methods = ("full", "vlpet", "loraunmerged")
    return export_gallery(ASKED, world_tokenizer(), methods, out, quiet, SEED)


def check_graphs(gallery: Artifact, method: str, task: Task) -> None:
    """Hold every graph of a task to the torch model, at sizes of its own."""
    made = build(method, gallery.manifest.config, SEED)
    stages = whole(made.model, task, method, made.pattern)
    assert tuple(stage.name for stage in stages) == whole_stages(task, method)
    cases = [case for stage in stages for case in parity.reference_cases(stage, SIZES, 700)]
    records = parity.check(gallery.root, gallery.manifest.stages, cases)
    assert [record.stage for record in records] == [stage.name for stage in stages]
    assert max(record.relative_l2 for record in records) <= 1e-5


def check_company(gallery: Artifact, method: str, task: Task) -> None:
    """Hold a row alone to the row among others of other lengths."""
    made, backend = build(method, gallery.manifest.config, SEED), open_backend("onnxruntime")
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


@pytest.mark.parametrize(("name", "method", "task"), CASES)
def test_every_graph_is_its_model_and_rows_stay_apart(
    request: pytest.FixtureRequest, name: str, method: str, task: Task
) -> None:
    gallery: Artifact = request.getfixturevalue(name)
    check_graphs(gallery, method, task)
    check_company(gallery, method, task)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_in_every_task(tmp_path: Path, method: str) -> None:
    tokenizer = world_tokenizer()
    gallery = export_gallery(DEEP, tokenizer, (method,), tmp_path / method, quiet, SEED)
    for task in TASKS:
        check_graphs(gallery, method, task)
        check_company(gallery, method, task)


def test_the_manifest_names_the_methods_in_table_4_s_order(deep: Artifact) -> None:
    manifest = deep.manifest
    assert [variant.id for variant in manifest.variants] == ["upop", "otmv"]
    assert manifest.config == DEEP
    for variant in manifest.variants:
        made = build(variant.id, DEEP, SEED)
        assert variant.pattern == made.pattern.executed
        assert variant.flops_vqa == vqa_flops(made.model, made.pattern, 18)
        image = caption_image_flops(made.model, made.pattern, composed=False)
        assert variant.flops_caption_image == image
        assert None not in (variant.flops_caption, variant.flops_reason)
        assert variant.quality_of("vqa", "fp32") is None
        assert variant.quality_source is None
    assert {record.stage for record in manifest.parity} == set(manifest.stages)
    assert open_artifact(deep.root).manifest == manifest


def test_cached_keys_follow_each_order_s_own_width(deep: Artifact) -> None:
    stages = deep.manifest.stages
    pruned = stages["whole_image[caption:upop]"].outputs
    widths = [pruned[f"k.{order}"].shape for order in range(3)]
    assert [shape[:3] for shape in widths] == [("B", 4, 5)] * 3
    assert len({shape[3] for shape in widths}) > 1
    word = stages["whole_decode[caption:otmv]"]
    assert list(word.inputs) == ["tokens", "position", "mask", "k.0", "v.0", "k.2", "v.2"]
    assert list(word.outputs) == ["logits", "k_new.0", "v_new.0", "k_new.2", "v_new.2"]


def test_every_stage_has_golden_cases(deep: Artifact) -> None:
    assert deep.manifest.golden is not None
    cases = read_stage_cases(deep.path(deep.manifest.golden.stages))
    assert {case.stage for case in cases} == set(deep.manifest.stages)
    parity.check(deep.root, deep.manifest.stages, cases)


def test_tensors_that_methods_share_are_stored_once(asked: Artifact) -> None:
    tensors = load_file(asked.path(WEIGHTS_NAME))
    assert len({(array.shape, array.tobytes()) for array in tensors.values()}) == len(tensors)
    stages = asked.manifest.stages
    read = {v.id: set(stages[whole_stage(v.id)].initializers) for v in asked.manifest.variants}
    assert read["full"] < read["vlpet"]
    assert read["full"] < read["loraunmerged"]
    assert set().union(*read.values()) == set(tensors)
    assert {name: array.nbytes for name, array in tensors.items()} == asked.tensor_bytes()


def test_a_named_method_is_served_without_a_quality(asked: Artifact) -> None:
    offers = [
        Offer("vqa", v.id, v.pattern, "", (), None, 0.1, 1, True) for v in asked.manifest.variants
    ]
    chosen = qualifying(offers, Budget(variant="vlpet"))
    assert [offer.variant for offer in chosen] == ["vlpet"]
    pixels, made = np.full((8, 8, 3), 99, np.uint8), build("vlpet", ASKED, SEED)
    with torch.inference_mode():
        expected = made.model.vqa(
            torch.from_numpy(pixels)[None],
            torch.tensor([[0, 7, 9, 2]]),
            torch.ones(1, 4, dtype=torch.bool),
            made.pattern.executed,
        )
    logits = Solo.open(asked).vqa_logits("vlpet", [pixels], [[0, 7, 9, 2]])
    assert relative_l2(logits, expected.numpy()) <= 1e-5


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path) -> None:
    def report(what: str, share: float) -> None:
        if "lora" in what:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        export_gallery(
            base(1, tasks=("vqa",)), world_tokenizer(), ("lora", "full"), tmp_path / "out", report
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("methods", "needle"), [((), "no method; there are full"), (("full", "x"), "no method 'x'")]
)
def test_unknown_methods_are_refused(tmp_path: Path, methods: tuple[str, ...], needle: str) -> None:
    with pytest.raises(ValueError, match=needle):
        export_gallery(DEEP, world_tokenizer(), methods, tmp_path / "out", quiet)
    assert list(tmp_path.iterdir()) == []
