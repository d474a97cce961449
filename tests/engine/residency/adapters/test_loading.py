"""Loading adapters into a running engine, and what is refused: nothing has changed then."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from artifact.adapters.errors import (
    AdapterError,
    AdapterOfOtherBase,
    AdapterTooLarge,
    InvalidAdapter,
    PickledAdapter,
    UnsupportedAdapter,
)
from artifact.adapters.folder import RECORD_NAME, TENSORS_NAME
from artifact.adapters.record import AdapterHead
from artifact.errors import MissingFile
from artifact.store import Artifact
from engine.errors import AdapterBudgetTooSmall, AdapterLoaded, TooManyAdapters
from tests.engine.residency.adapters import adaptable as made
from tests.engine.residency.adapters.asking import Asking


def test_of_two_loads_of_one_name_one_wins(asking: Asking) -> None:
    refused: list[AdapterLoaded] = []

    def load() -> None:
        try:
            asking.load("low_rank-0")
        except AdapterLoaded as error:
            refused.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert set(asking.watched.pool.adapters()) == {"low_rank-0"}
    asking.check(1, "low_rank-0", asking.ask(1, "low_rank-0"))


def test_loaded_bytes_are_the_tables(asking: Asking) -> None:
    first = asking.load("low_rank-0")
    before = asking.watched.pool.resident_bytes
    asking.load("low_rank-1")
    assert asking.watched.pool.resident_bytes - before == asking.adapters["low_rank-1"].size_bytes
    assert first.table_bytes == asking.adapters["low_rank-0"].size_bytes


Spoil = Callable[[Path, Artifact], None]


def _nan(folder: Path, artifact: Artifact) -> None:
    raw = bytearray((folder / TENSORS_NAME).read_bytes())
    raw[-4:] = np.float32(np.nan).tobytes()
    (folder / TENSORS_NAME).write_bytes(bytes(raw))


def _gone(folder: Path, artifact: Artifact) -> None:
    shutil.rmtree(folder)


def _half(folder: Path, artifact: Artifact) -> None:
    (folder / TENSORS_NAME).unlink()


def _pickled(folder: Path, artifact: Artifact) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04")


def _no_json(folder: Path, artifact: Artifact) -> None:
    (folder / RECORD_NAME).write_text("{")


def _other_base(folder: Path, artifact: Artifact) -> None:
    shutil.rmtree(folder)
    made.write_one(folder, made.low_rank(), artifact.manifest.config, checkpoint_sha256="b" * 64)


def _too_large(folder: Path, artifact: Artifact) -> None:
    shutil.rmtree(folder)
    made.write_one(folder, made.low_rank(rank=50), artifact.manifest.config)


def _own_head(folder: Path, artifact: Artifact) -> None:
    shutil.rmtree(folder)
    head = AdapterHead(tensors={"weight": (3, 2)})
    made.write_one(folder, made.low_rank(), artifact.manifest.config, heads={"vqa": head})


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (_nan, InvalidAdapter),
        (_gone, MissingFile),
        (_half, MissingFile),
        (_pickled, PickledAdapter),
        (_no_json, InvalidAdapter),
        (_other_base, AdapterOfOtherBase),
        (_too_large, AdapterTooLarge),
        (_own_head, UnsupportedAdapter),
    ],
)
def test_what_cannot_be_loaded_changes_nothing(
    asking: Asking,
    tmp_path: Path,
    spoil: Spoil,
    error: type[AdapterError],
) -> None:
    folder = tmp_path / "bad"
    made.write_one(folder, made.low_rank(), asking.artifact.manifest.config)
    spoil(folder, asking.artifact)
    before = asking.watched.pool.resident_bytes
    with pytest.raises(error):
        asking.watched.pool.load_adapter(folder)
    assert not asking.watched.pool.adapters()
    assert asking.watched.pool.resident_bytes == before
    asking.check(1, None, asking.ask(1))


def test_more_than_there_are_places_for(asking: Asking, tmp_path: Path) -> None:
    for number in range(9):
        name = tmp_path / f"a{number}"
        made.write_one(name, made.low_rank(rank=1), asking.artifact.manifest.config)
        asking.watched.pool.load_adapter(name)
    made.write_one(tmp_path / "last", made.low_rank(rank=1), asking.artifact.manifest.config)
    with pytest.raises(TooManyAdapters, match="9 places"):
        asking.watched.pool.load_adapter(tmp_path / "last")
    asking.watched.pool.drop_adapter("a3")
    asking.watched.pool.load_adapter(tmp_path / "last")


def test_a_memory_budget_counts_adapters(asking: Asking) -> None:
    asking.load("low_rank-0")
    asking.watched.pool.set_memory_budget(asking.watched.pool.resident_bytes + 1000)
    with pytest.raises(AdapterBudgetTooSmall, match="raise the budget"):
        asking.load("low_rank-1")
    with pytest.raises(AdapterBudgetTooSmall):  # a form with more room needs stages, too
        asking.load("serial-0")
    asking.check(1, "low_rank-0", asking.ask(1, "low_rank-0"))
    asking.watched.pool.set_memory_budget(None)
    asking.load("serial-0")
