"""Rows of different adapters and depths in one batch: each as alone, and as merged weights give."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from artifact.golden import relative_l2
from artifact.manifest import StageFile
from artifact.store import Artifact
from artifact.task import CAPTION
from engine.backends.arrays import HOST
from engine.backends.base import LoadedStage
from engine.backends.registry import open_backend
from engine.residency.adapters.tables import AdapterTables
from exporters.adapted.forms import form_named
from exporters.tasks import cut_adapted
from models.adapters.hooked import attach, detach
from models.checkpoint import Checkpoint
from models.key_block import KeyBlock, key_mask_bias
from models.norms import IMAGE, TEXT
from tests.engine.residency.adapters.adaptable import (
    EVERYTHING,
    OneAdapter,
    adaptable_checkpoint,
    gated,
    low_rank,
    parallel,
    serial,
    shifts,
    write_adaptable,
    write_one,
)
from tests.exporters.adapted.drawn_tables import Tables, drawn_tables, one_row

LORA, ALL = 0, 1
ROWS = 8
NAMES = ("image", "text")


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return adaptable_checkpoint()


@pytest.fixture(scope="module")
def adaptable(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_adaptable(checkpoint, tmp_path_factory.mktemp("adaptable") / "artifact")


def _record(artifact: Artifact, form: int, stage: str) -> StageFile:
    return artifact.manifest.adapted[form].stages[stage]


def _loaded(artifact: Artifact, form: int | None, stage: str, backend: str) -> LoadedStage:
    manifest = artifact.manifest
    record = manifest.stages[stage] if form is None else _record(artifact, form, stage)
    return open_backend(backend).load(stage, artifact.path(record.file), record)


def _block_inputs(artifact: Artifact) -> dict[str, NDArray[np.generic]]:
    """Return eight rows at different orders, with texts of different lengths."""
    config, rng = artifact.manifest.config, np.random.default_rng(1)
    tokens = config.image_tokens + 6
    orders = len(config.orders_of_key(0))
    real = config.image_tokens + 1 + np.arange(ROWS) % 6
    return {
        "h": rng.standard_normal((ROWS, tokens, config.width), np.float32),
        "order": np.arange(ROWS) % orders,
        "mask": np.arange(tokens)[None] < real[:, None],
    }


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "torch"])
@pytest.mark.parametrize("form", [LORA, ALL])
def test_each_row_of_eight_adapters_is_as_alone(
    adaptable: Artifact, form: int, backend: str
) -> None:
    stage = _loaded(adaptable, form, "block[0]", backend)
    tables = drawn_tables(_record(adaptable, form, "block[0]"))
    given = {**_block_inputs(adaptable), "adapter": 1 + np.arange(ROWS), **tables}
    together = stage.run(given)
    limit = 1e-5 if open_backend(backend).precision == "fp32" else 2e-2
    for row in range(ROWS):
        alone = stage.run(one_row(given, row))
        for name in ("h_out", "r"):
            assert relative_l2(together[name][row : row + 1], alone[name]) <= limit


@pytest.mark.parametrize("form", [LORA, ALL])
def test_a_row_without_an_adapter_is_that_of_the_plain_stage(
    adaptable: Artifact, form: int
) -> None:
    inputs = _block_inputs(adaptable)
    plain = _loaded(adaptable, None, "block[0]", "onnxruntime").run(inputs)
    stage = _loaded(adaptable, form, "block[0]", "onnxruntime")
    tables = drawn_tables(_record(adaptable, form, "block[0]"))
    adapter = np.array([0, 1, 0, 2, 0, 3, 0, 4])
    mixed = stage.run({**inputs, "adapter": adapter, **tables})
    for name in ("h_out", "r"):
        assert relative_l2(mixed[name][adapter == 0], plain[name][adapter == 0]) <= 1e-6
        assert relative_l2(mixed[name][adapter > 0], plain[name][adapter > 0]) > 1e-2


def _merged(key: KeyBlock, tables: Tables, adapter: int, order: int) -> KeyBlock:
    """Return a copy of a key whose matrices have the low-rank products of one order merged in."""
    made = copy.deepcopy(key)
    width = key.shape.attention_width
    with torch.no_grad():
        for modality in (IMAGE, TEXT):
            linear = made.qkv[modality]
            assert isinstance(linear, torch.nn.Linear)
            for place, hook in ((0, "q"), (2, "v")):
                name = f"block.{hook}.{NAMES[modality]}"
                down, up = (tables[f"{name}.{part}"][adapter, order] for part in ("down", "up"))
                linear.weight[place * width : (place + 1) * width] += torch.from_numpy(down @ up).T
    return made


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_low_rank_products_are_as_merged_weights(
    checkpoint: Checkpoint, adaptable: Artifact, backend: str
) -> None:
    stage = _loaded(adaptable, LORA, "block[0]", backend)
    tables = drawn_tables(_record(adaptable, LORA, "block[0]"))
    inputs = _block_inputs(adaptable)
    adapter = 1 + np.arange(ROWS)
    found = stage.run({**inputs, "adapter": adapter, **tables})["h_out"]
    key, image_tokens = checkpoint.model.keys[0], checkpoint.model.config.image_tokens
    assert isinstance(key, KeyBlock)
    for row in range(ROWS):
        order = int(inputs["order"][row])
        h = torch.from_numpy(inputs["h"][row : row + 1])
        bias = key_mask_bias(torch.from_numpy(inputs["mask"][row : row + 1]), h.dtype)
        with torch.inference_mode():
            expected = _merged(key, tables, row + 1, order)(h, order, image_tokens, bias)
        assert relative_l2(found[row : row + 1], expected.numpy()) <= 1e-5


def test_embeddings_take_a_low_rank_product_per_row(adaptable: Artifact) -> None:
    record = _record(adaptable, ALL, "stem[vqa]")
    tables, config = drawn_tables(record), adaptable.manifest.config
    rng = np.random.default_rng(2)
    side = config.image_size
    inputs = {
        "pixels": rng.integers(0, 256, (ROWS, side, side, 3), np.uint8),
        "tokens": rng.integers(5, config.vocab_size, (ROWS, 6)),
    }
    plain = _loaded(adaptable, None, "stem[vqa]", "onnxruntime").run(inputs)["h"]
    stage = _loaded(adaptable, ALL, "stem[vqa]", "onnxruntime")
    adapter = np.arange(ROWS)
    found = stage.run({**inputs, "adapter": adapter, **tables})["h"]
    for row in range(ROWS):
        for name, part in (
            ("image", slice(0, config.image_tokens)),
            ("text", slice(config.image_tokens, None)),
        ):
            down, up = (tables[f"stem.{name}.{each}"][row] for each in ("down", "up"))
            expected = plain[row, part] + plain[row, part] @ down @ up
            assert relative_l2(found[row, part], expected) <= 1e-5


def test_adapted_graphs_add_no_weights(adaptable: Artifact) -> None:
    plain = {n for stage in adaptable.manifest.stages.values() for n in stage.initializers}
    for form in adaptable.manifest.adapted:
        for record in form.stages.values():
            assert set(record.initializers) <= plain


def test_captions_have_room_too() -> None:
    model = adaptable_checkpoint((CAPTION.name,)).model
    stages = {stage.name: stage for stage in cut_adapted(model, form_named(EVERYTHING))}
    assert {"block_image[0]", "block_decode[0]", "stem[caption]", "stem[decode]"} <= set(stages)
    assert "block.q.text.down" not in stages["block_image[0]"].inputs
    assert "block.q.image.down" not in stages["block_decode[0]"].inputs


def test_only_stages_with_a_hook_are_there(adaptable: Artifact) -> None:
    stages = adaptable.manifest.adapted[LORA].stages
    assert stages
    assert all(name.startswith("block") for name in stages)


@pytest.mark.parametrize(
    "text", ["", "lora", "lora:0", "lora:99999", "shifts:3", "dora:4", "lora:²"]
)
def test_forms_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="name some of"):
        form_named(text)


@pytest.mark.slow
def test_every_hook_at_once_is_as_the_model(checkpoint: Checkpoint, tmp_path: Path) -> None:
    """Its graph has hundreds of nodes; tracing it takes most of a minute."""
    artifact = write_adaptable(checkpoint, tmp_path / "artifact", (EVERYTHING,))
    (form,) = artifact.manifest.adapted
    config, inputs = artifact.manifest.config, _block_inputs(artifact)
    tables = AdapterTables(form, config, HOST, ROWS)
    kinds = (low_rank, serial, gated, parallel, shifts)
    made = [write_one(tmp_path / kind.__name__, kind(), config) for kind in kinds]
    for place, adapter in enumerate(made, 1):
        tables.put(place, adapter)
    given = {**inputs, "adapter": np.arange(ROWS) % 6, **tables.of("block[0]")}
    found = _loaded(artifact, 0, "block[0]", "onnxruntime").run(given)["h_out"]
    key = checkpoint.model.keys[0]
    assert isinstance(key, KeyBlock)
    for row in range(ROWS):
        h, mask = (torch.from_numpy(inputs[name][row : row + 1]) for name in ("h", "mask"))
        if row % 6:
            attach(checkpoint.model, OneAdapter(made[row % 6 - 1]))
        with torch.inference_mode():
            bias = key_mask_bias(mask, h.dtype)
            wanted = key(h, int(inputs["order"][row]), config.image_tokens, bias)
        detach(checkpoint.model)
        assert relative_l2(found[row : row + 1], wanted.numpy()) <= 1e-5
