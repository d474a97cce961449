"""A gallery of all methods: every graph is its model, weights once, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from artifact.config import ModelConfig
from artifact.golden import read_stage_cases, relative_l2
from artifact.manifest import WEIGHTS_NAME
from artifact.stage import StageName
from artifact.store import Artifact, open_artifact
from artifact.task import TASKS, VQA, TaskName
from engine.backends.registry import open_backend
from engine.opening.open import open_solo
from engine.requests.policy import qualifying
from engine.types import Budget, Offer
from exporters import parity
from exporters.gallery import export_gallery
from exporters.tasks import exported_task
from exporters.tasks.caption import image_flops
from exporters.tasks.one_pass import request_flops
from models.comparators.build import build
from models.comparators.methods import METHODS
from tests.engine.answers.solo_answers import vqa_logits
from tests.models.comparators.shapes import base
from tuning.tokens import world_tokenizer

SEED = 4

SIZES = (
    {"B": 1, "L": 5, "N": 10, "T": 6},
    {"B": 4, "L": 13, "N": 18, "T": 21},
)
"""Rows, text, tokens (5 of them the picture's) and cache lengths no graph was traced with."""

WORDS = world_tokenizer().get_vocab_size()
EACH: tuple[TaskName, ...] = ("vqa", "reason", "caption")
BASE = base(3, vocab_size=WORDS)

GALLERIES: dict[str, tuple[ModelConfig, tuple[str, ...]]] = {
    "pruned": (base(2, vocab_size=WORDS), ("upop",)),
    "shared": (base(3, vocab_size=WORDS, tasks=("vqa", "caption")), ("otmv",)),
    "added": (base(2, vocab_size=WORDS, tasks=("vqa",)), ("vlpet", "loraunmerged", "full")),
}
"""A trace takes seconds: one method of each kind always, every method where there is time."""

CASES = [
    (kind, method, task)
    for kind, (config, methods) in GALLERIES.items()
    for method in methods
    for task in config.tasks
]


def quiet(what: str, share: float) -> None:
    assert what
    assert 0.0 <= share <= 1.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Artifact]:
    folder = tmp_path_factory.mktemp("galleries")
    return {
        kind: export_gallery(config, world_tokenizer(), methods, folder / kind, quiet, SEED)
        for kind, (config, methods) in GALLERIES.items()
    }


def check_graphs(gallery: Artifact, method: str, task: TaskName) -> None:
    """Hold every graph of a task to the torch model, at sizes of its own."""
    made = build(method, gallery.manifest.config, SEED)
    stages = exported_task(task).whole(made.model, method, made.pattern)
    assert tuple(stage.name for stage in stages) == TASKS[task].whole_stages(method)
    cases = [case for stage in stages for case in parity.reference_cases(stage, SIZES, 700)]
    records = parity.check(gallery.root, gallery.manifest.stages, cases)
    assert [record.stage for record in records] == [stage.name for stage in stages]
    assert max(record.relative_l2 for record in records) <= 1e-5


def check_company(gallery: Artifact, method: str, task: TaskName) -> None:
    """Hold a row alone to the row among others of other lengths."""
    made, backend = build(method, gallery.manifest.config, SEED), open_backend("onnxruntime")
    for stage in exported_task(task).whole(made.model, method, made.pattern):
        record = gallery.manifest.stages[stage.name]
        loaded = backend.load(stage.name, gallery.path(record.file), record)
        drawn = stage.random_inputs({"B": 5, "L": 9, "N": 14, "T": 11}, 31)
        inputs = {name: tensor.numpy() for name, tensor in drawn.items()}
        together = loaded.run(inputs)
        for row in (0, 3):
            alone = loaded.run({name: array[row : row + 1] for name, array in inputs.items()})
            for name, array in alone.items():
                assert relative_l2(np.asarray(array), together[name][row : row + 1]) <= 1e-5


@pytest.mark.parametrize(("kind", "method", "task"), CASES)
def test_every_graph_is_its_model_and_rows_stay_apart(
    made: dict[str, Artifact], kind: str, method: str, task: TaskName
) -> None:
    check_graphs(made[kind], method, task)
    check_company(made[kind], method, task)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_every_method_in_every_task(tmp_path: Path, method: str) -> None:
    tokenizer = world_tokenizer()
    gallery = export_gallery(BASE, tokenizer, (method,), tmp_path / method, quiet, SEED)
    for task in EACH:
        check_graphs(gallery, method, task)
        check_company(gallery, method, task)


def test_the_manifest_names_the_methods_in_table_4_s_order(made: dict[str, Artifact]) -> None:
    assert [v.id for v in made["added"].manifest.variants] == ["full", "loraunmerged", "vlpet"]
    for kind, (config, _) in GALLERIES.items():
        manifest = made[kind].manifest
        assert manifest.config == config
        assert {record.stage for record in manifest.parity} == set(manifest.stages)
        assert open_artifact(made[kind].root).manifest == manifest


def test_a_variant_is_counted_from_its_own_layers(made: dict[str, Artifact]) -> None:
    for kind, (config, _) in GALLERIES.items():
        for variant in made[kind].manifest.variants:
            method = build(variant.id, config, SEED)
            assert variant.pattern == method.pattern.executed
            assert variant.flops.get("vqa") == request_flops(VQA, method.model, method.pattern, 18)
            image = image_flops(method.model, method.pattern, composed=False)
            writes = "caption" in config.tasks
            assert variant.flops.get("caption_image") == (image if writes else None)
            assert ("caption" in variant.flops) == writes
            assert ("reason" in variant.flops) == ("reason" in config.tasks)
            assert variant.quality_of("vqa", "fp32") is None
            assert variant.quality_source is None


def test_cached_keys_follow_each_order_s_own_width(made: dict[str, Artifact]) -> None:
    pruned = made["pruned"].manifest.stages["whole_image[caption:upop]"].outputs
    shapes = [pruned[f"k.{order}"].shape for order in range(2)]
    assert [shape[:3] for shape in shapes] == [("B", 4, 5)] * 2
    assert shapes[0][3] != shapes[1][3]
    word = made["shared"].manifest.stages["whole_decode[caption:otmv]"]
    assert list(word.inputs) == ["tokens", "position", "mask", "k.0", "v.0", "k.2", "v.2"]
    assert list(word.outputs) == ["logits", "k_new.0", "v_new.0", "k_new.2", "v_new.2"]


def test_every_stage_has_golden_cases(made: dict[str, Artifact]) -> None:
    for gallery in made.values():
        assert gallery.manifest.golden is not None
        cases = read_stage_cases(gallery.path(gallery.manifest.golden.stages))
        assert {case.stage for case in cases} == set(gallery.manifest.stages)
        parity.check(gallery.root, gallery.manifest.stages, cases)


def test_tensors_that_methods_share_are_stored_once(made: dict[str, Artifact]) -> None:
    gallery = made["added"]
    tensors, stages = load_file(gallery.path(WEIGHTS_NAME)), gallery.manifest.stages
    assert len({(array.shape, array.tobytes()) for array in tensors.values()}) == len(tensors)
    read = {
        v.id: set(stages[StageName.whole(VQA.name, v.id)].initializers)
        for v in gallery.manifest.variants
    }
    assert read["full"] < read["vlpet"]
    assert read["full"] < read["loraunmerged"]
    assert set().union(*read.values()) == set(tensors)
    assert {name: array.nbytes for name, array in tensors.items()} == gallery.tensor_bytes()


def test_a_named_method_is_served_without_a_quality(made: dict[str, Artifact]) -> None:
    gallery = made["added"]
    offers = [
        Offer("vqa", v.id, v.pattern, "", (), None, 0.1, 1, True) for v in gallery.manifest.variants
    ]
    chosen = qualifying(offers, Budget(variant="vlpet"))
    assert [offer.variant for offer in chosen] == ["vlpet"]
    pixels = np.full((8, 8, 3), 99, np.uint8)
    vlpet = build("vlpet", gallery.manifest.config, SEED)
    with torch.inference_mode():
        expected = vlpet.model.answer(
            VQA,
            torch.from_numpy(pixels)[None],
            torch.tensor([[0, 7, 9, 2]]),
            torch.ones(1, 4, dtype=torch.bool),
            vlpet.pattern.executed,
        )
    logits = vqa_logits(open_solo(gallery), "vlpet", [pixels], [[0, 7, 9, 2]])
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
        export_gallery(BASE, world_tokenizer(), methods, tmp_path / "out", quiet)
    assert list(tmp_path.iterdir()) == []
