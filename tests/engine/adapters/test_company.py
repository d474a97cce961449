"""Adapters in a running engine: mixed company, loading, dropping, and what is refused."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from artifact.adapters.errors import (
    AdapterError,
    AdapterOfOtherBase,
    AdapterTooLarge,
    InvalidAdapter,
    PickledAdapter,
    UnsupportedAdapter,
)
from artifact.adapters.folder import RECORD_NAME, TENSORS_NAME, Adapter
from artifact.adapters.record import AdapterHead
from artifact.errors import MissingFile
from artifact.golden import relative_l2
from artifact.store import Artifact
from engine.errors import (
    AdapterBudgetTooSmall,
    AdapterLoaded,
    Cancelled,
    TooManyAdapters,
    UnknownAdapter,
)
from engine.types import Budget
from models.checkpoint import Checkpoint
from tests.adapted import adaptable as made
from tests.adapted.asking import QUESTION, ask, picture
from tests.engine.pools.watched_engine import WatchedEngine

Array = NDArray[np.float32]
EIGHT = tuple(f"{kind.__name__}-{number}" for number in range(3) for kind in made.KINDS)[:8]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="module")
def adapters(artifact: Artifact, root: Path) -> dict[str, Adapter]:
    config = artifact.manifest.config
    kinds = {kind.__name__: kind for kind in made.KINDS}
    return {
        name: made.write_one(root / name, kinds[name.partition("-")[0]](), config) for name in EIGHT
    }


@pytest.fixture
def watched(artifact: Artifact) -> Iterator[WatchedEngine]:
    engine = WatchedEngine(artifact, adapter_places=9)
    yield engine
    engine.close()


def test_eight_adapters_at_different_depths_answer_as_the_model_does(
    artifact: Artifact,
    checkpoint: Checkpoint,
    adapters: dict[str, Adapter],
    root: Path,
    watched: WatchedEngine,
) -> None:
    for name in EIGHT:
        watched.pool.load_adapter(root / name)
    tokens = artifact.text_codec().encode_question(QUESTION)
    variants = [record.id for record in artifact.manifest.variants]
    company: list[set[int]] = []

    def see(stage: str, inputs: object) -> None:
        if stage.startswith("block["):
            company.append(set(np.asarray(inputs["adapter"]).tolist()))  # type: ignore[index]

    watched.during = see
    watched.gate.clear()
    names = (*EIGHT, None, None)
    sent = [ask(watched, seed, name, variants[seed % 4]) for seed, name in enumerate(names)]
    watched.gate.set()
    for seed, (name, (request, future)) in enumerate(zip(names, sent, strict=True)):
        answer = future.result(30)
        assert answer.adapter == name
        own = None if name is None else adapters[name]
        expected = model_logits(checkpoint, own, seed, tokens, answer.executed)
        assert relative_l2(watched.logits[request.id], expected) <= 1e-5
    assert max(len(each) for each in company) > 4, "they shared no batch"


def model_logits(
    checkpoint: Checkpoint,
    adapter: Adapter | None,
    seed: int,
    tokens: list[int],
    executed: tuple[int, ...],
) -> Array:
    return made.model_logits(checkpoint, adapter, picture(seed), tokens, executed)


def test_without_an_adapted_row_the_plain_stages_run_bit_for_bit(
    artifact: Artifact, adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    before, future = ask(watched, 1, None)
    future.result(30)
    watched.pool.load_adapter(root / "serial-0")
    after, future = ask(watched, 1, None)
    future.result(30)
    assert np.array_equal(watched.logits[before.id], watched.logits[after.id])


def test_embeddings_of_an_adapter_leave_the_blocks_plain(
    adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    watched.pool.load_adapter(root / "embeddings-0")
    adapted: list[str] = []
    call = watched.stages.adapted.call

    def seen(stage: str, adapter: NDArray[np.int64]) -> object:
        found = call(stage, adapter)
        adapted.extend([stage] if found is not None else [])
        return found

    watched.stages.adapted.call = seen  # type: ignore[method-assign,assignment]
    ask(watched, 1, "embeddings-0")[1].result(30)
    assert set(adapted) == {"stem[vqa]"}


def test_a_dropped_adapter_finishes_its_rows_first(
    artifact: Artifact,
    checkpoint: Checkpoint,
    adapters: dict[str, Adapter],
    root: Path,
    watched: WatchedEngine,
) -> None:
    loaded = watched.pool.load_adapter(root / "low_rank-0")
    watched.gate.clear()
    request, future = ask(watched, 5, "low_rank-0")
    watched.pool.drop_adapter("low_rank-0")
    with pytest.raises(UnknownAdapter, match="none is loaded"):
        ask(watched, 6, "low_rank-0")
    assert loaded.users == 1
    watched.gate.set()
    answer = future.result(30)
    tokens = artifact.text_codec().encode_question(QUESTION)
    expected = model_logits(checkpoint, adapters["low_rank-0"], 5, tokens, answer.executed)
    assert relative_l2(watched.logits[request.id], expected) <= 1e-5
    assert watched.pool.drain(10)
    assert loaded.users == 0
    running = watched.stages.adapted.running
    assert running is not None
    for stage in running.form.stages:
        for table in running.tables.of(stage).values():
            assert not np.asarray(table)[loaded.place].any()


def test_a_place_is_used_again_and_again(
    artifact: Artifact,
    checkpoint: Checkpoint,
    adapters: dict[str, Adapter],
    root: Path,
    watched: WatchedEngine,
) -> None:
    tokens = artifact.text_codec().encode_question(QUESTION)
    for turn in range(12):  # more than there are places
        name = EIGHT[turn % 8]
        watched.pool.load_adapter(root / name)
        request, future = ask(watched, turn, name)
        executed = future.result(30).executed
        expected = model_logits(checkpoint, adapters[name], turn, tokens, executed)
        assert relative_l2(watched.logits[request.id], expected) <= 1e-5
        watched.pool.drop_adapter(name)


def test_requests_that_end_early_let_their_adapter_go(
    adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    loaded = watched.pool.load_adapter(root / "low_rank-0")
    admitted = watched.pool.admit("vqa", Budget(), watched.clock.time_s, adapter="low_rank-0")
    watched.pool.cancel(admitted)
    watched.gate.clear()
    request, future = ask(watched, 1, "low_rank-0")
    assert loaded.users == 1
    watched.pool.cancel(request)
    watched.gate.set()
    with pytest.raises(Cancelled):
        future.result(10)
    with pytest.raises(Exception, match="unknown variant"):
        ask(watched, 1, "low_rank-0", "d99")
    ask(watched, 2, None)[1].result(30)
    assert watched.pool.drain(10)
    assert loaded.users == 0


def test_of_two_loads_of_one_name_one_wins(
    adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    refused: list[AdapterLoaded] = []

    def load() -> None:
        try:
            watched.pool.load_adapter(root / "low_rank-0")
        except AdapterLoaded as error:
            refused.append(error)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert set(watched.pool.adapters()) == {"low_rank-0"}
    ask(watched, 1, "low_rank-0")[1].result(30)


def test_loaded_bytes_are_the_tables(
    artifact: Artifact, adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    first = watched.pool.load_adapter(root / "low_rank-0")
    before = watched.pool.resident_bytes
    watched.pool.load_adapter(root / "low_rank-1")
    assert watched.pool.resident_bytes - before == adapters["low_rank-1"].size_bytes
    assert first.table_bytes == adapters["low_rank-0"].size_bytes


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
    artifact: Artifact,
    tmp_path: Path,
    watched: WatchedEngine,
    spoil: Spoil,
    error: type[AdapterError],
) -> None:
    folder = tmp_path / "bad"
    made.write_one(folder, made.low_rank(), artifact.manifest.config)
    spoil(folder, artifact)
    before = watched.pool.resident_bytes
    with pytest.raises(error):
        watched.pool.load_adapter(folder)
    assert not watched.pool.adapters()
    assert watched.pool.resident_bytes == before
    ask(watched, 1, None)[1].result(30)


def test_more_than_there_are_places_for(
    artifact: Artifact, tmp_path: Path, watched: WatchedEngine
) -> None:
    for number in range(9):
        name = tmp_path / f"a{number}"
        made.write_one(name, made.low_rank(rank=1), artifact.manifest.config)
        watched.pool.load_adapter(name)
    made.write_one(tmp_path / "last", made.low_rank(rank=1), artifact.manifest.config)
    with pytest.raises(TooManyAdapters, match="9 places"):
        watched.pool.load_adapter(tmp_path / "last")
    watched.pool.drop_adapter("a3")
    watched.pool.load_adapter(tmp_path / "last")


def test_a_memory_budget_counts_adapters(
    adapters: dict[str, Adapter], root: Path, watched: WatchedEngine
) -> None:
    watched.pool.load_adapter(root / "low_rank-0")
    watched.pool.set_memory_budget(watched.pool.resident_bytes + 1000)
    with pytest.raises(AdapterBudgetTooSmall, match="raise the budget"):
        watched.pool.load_adapter(root / "low_rank-1")
    with pytest.raises(AdapterBudgetTooSmall):  # a form with more room needs stages, too
        watched.pool.load_adapter(root / "serial-0")
    ask(watched, 1, "low_rank-0")[1].result(30)
    watched.pool.set_memory_budget(None)
    watched.pool.load_adapter(root / "serial-0")
