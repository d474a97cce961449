"""Where an adapter's numbers come to lie in the tables of a form, and what leaves with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from artifact.adapters.folder import Adapter
from artifact.config import ModelConfig
from artifact.manifest import StageFile
from artifact.manifest.adapted import AdaptedForm
from engine.backends.arrays import HOST
from engine.errors import LoadFailed
from engine.residency.adapters.pages import HostTable
from engine.residency.adapters.tables import AdapterTables
from engine.residency.memory import resident_bytes
from exporters.adapted.forms import form_named
from exporters.tasks import cut_adapted
from models.series import OtmvModel
from tests.engine.residency.adapters import adaptable as made
from tuning.recipe import demo_config

PLACES = 3


def form_of(config: ModelConfig, text: str) -> AdaptedForm:
    """Return what the manifest would say of a form, without its graphs."""
    capacity = form_named(text)
    stages = {
        stage.name: StageFile(
            file="none.onnx",
            inputs={name: each.spec for name, each in stage.inputs.items()},
            outputs={name: each.spec for name, each in stage.outputs.items()},
        )
        for stage in cut_adapted(OtmvModel(config).eval(), capacity)
    }
    return AdaptedForm(capacity=capacity, stages=stages)


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    small = demo_config("small", keys=2, width=24, heads=2)
    return small.from_fields({**small.to_fields(), "key_of_order": [0, 0, 0, 1]})


@pytest.fixture(scope="module")
def form(config: ModelConfig) -> AdaptedForm:
    return form_of(config, made.EVERYTHING)


@pytest.fixture
def tables(config: ModelConfig, form: AdaptedForm) -> AdapterTables:
    return AdapterTables(form, config, HOST, PLACES)


def _array(tables: AdapterTables, stage: str, name: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.asarray(tables.of(stage)[name])


def _write(folder: Path, config: ModelConfig, kind: object) -> Adapter:
    return made.write_one(folder, kind(), config)  # type: ignore[operator]


def test_each_key_has_its_own_orders_and_ranks_are_filled_up(
    tables: AdapterTables, config: ModelConfig, tmp_path: Path
) -> None:
    adapter = made.write_one(tmp_path / "a", made.low_rank(rank=2), config)
    tables.put(2, adapter)
    own = adapter.tensors["block.q.image.down"]
    for stage, orders in (("block[0]", [0, 1, 2]), ("block[1]", [3])):
        found = _array(tables, stage, "block.q.image.down")
        assert np.array_equal(found[2][..., :2], own[orders])
        assert not found[2][..., 2:].any()
        assert not found[[0, 1, 3]].any()
    up = _array(tables, "block[0]", "block.v.text.up")
    assert np.array_equal(up[2][:, :2], adapter.tensors["block.v.text.up"][:3])
    assert not up[2][:, 2:].any()


def test_stages_of_one_key_share_its_tables(tables: AdapterTables) -> None:
    joint, alone = (tables.of(stage) for stage in ("block[0]", "block_image[0]"))
    assert alone["block.q.image.down"] is joint["block.q.image.down"]
    assert tables.of("block[1]")["block.q.image.down"] is not joint["block.q.image.down"]


def test_activation_carry_and_gate_are_said_in_tables(
    tables: AdapterTables, config: ModelConfig, tmp_path: Path
) -> None:
    tables.put(1, _write(tmp_path / "a", config, made.parallel))
    tables.put(2, _write(tmp_path / "b", config, made.gated))
    beside = "block.ffn_beside.image"
    assert (_array(tables, "block[0]", f"{beside}.carry")[:, :, 0] == [[0], [0.5], [0], [0]]).all()
    chosen = _array(tables, "block[0]", f"{beside}.activation")
    assert chosen[1].tolist() == [[0, 1, 0]] * 3  # relu, gelu, gelu_tanh
    gates = _array(tables, "block[0]", "block.ffn_output.image.gate_shift")
    assert (gates[[0, 1, 3]] == 40).all()
    assert not gates[2].any(), "it has a gate, which has no shift"
    tables.clear(2)
    assert (gates[2] == 40).all()


def test_what_acts_where(tables: AdapterTables, config: ModelConfig, tmp_path: Path) -> None:
    embedding = _write(tmp_path / "a", config, made.embeddings).record
    assert tables.acts_at(embedding, "stem[vqa]")
    assert not tables.acts_at(embedding, "block[0]")
    inside = _write(tmp_path / "b", config, made.serial).record
    assert tables.acts_at(inside, "block_decode[0]")
    assert not tables.acts_at(inside, "stem[vqa]")


def test_an_adapter_takes_its_tables_bytes(config: ModelConfig, tmp_path: Path) -> None:
    tables = AdapterTables(form_of(config, "lora:3"), config, HOST, PLACES)
    adapter = made.write_one(tmp_path / "a", made.low_rank(rank=3), config)
    assert tables.adapter_bytes == adapter.size_bytes


def test_rows_of_a_host_table_take_memory_only_while_they_are_written() -> None:
    row_bytes, rows = 2**20, 200
    before = resident_bytes()
    table = HostTable((rows, row_bytes // 4))
    assert resident_bytes() - before < 4 * 2**20
    table.array[::2] = 1.0
    assert resident_bytes() - before > 90 * row_bytes
    for row in range(0, rows, 2):
        table.clear(row)
    assert resident_bytes() - before < 20 * row_bytes
    assert not table.array.any()


@pytest.mark.parametrize("width", [3, 1024, 1500])
def test_a_cleared_row_is_zeros_and_its_neighbours_stay(width: int) -> None:
    table = HostTable((5, width))
    table.array[:] = np.arange(5, dtype=np.float32)[:, None] + 1
    table.clear(2)
    assert not table.array[2].any()
    for row in (0, 1, 3, 4):
        assert (table.array[row] == row + 1).all()


def test_more_places_than_any_machine_has_addresses_for_is_said_in_one_line(
    config: ModelConfig, form: AdaptedForm
) -> None:
    with pytest.raises(LoadFailed, match="OTMV_ADAPTER_PLACES"):
        AdapterTables(form, config, HOST, 2**60)
    with pytest.raises(MemoryError, match="a table of"):
        HostTable((2**40, 2**20))


def test_ten_thousand_places_cost_nothing_while_they_are_empty() -> None:
    before = resident_bytes()
    table = HostTable((10_001, 12 * 768 * 16))
    assert table.array[-1, -1] == 0.0
    assert resident_bytes() - before < 4 * 2**20
