"""Rows of different adapters and depths in a running engine, and adapters that leave it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import Cancelled, UnknownAdapter, UnknownVariant
from engine.types import Budget
from tests.engine.residency.adapters.adaptable import EIGHT
from tests.engine.residency.adapters.asking import Asking


def test_eight_adapters_at_different_depths_answer_as_the_model_does(asking: Asking) -> None:
    watched = asking.watched
    for name in EIGHT:
        asking.load(name)
    variants = [record.id for record in asking.artifact.manifest.variants]
    company: list[set[int]] = []

    def see(stage: str, inputs: object) -> None:
        if stage.startswith("block["):
            company.append(set(np.asarray(inputs["adapter"]).tolist()))  # type: ignore[index]

    watched.during = see
    watched.gate.clear()
    names = (*EIGHT, None, None)
    sent = [asking.ask(seed, name, variants[seed % 4]) for seed, name in enumerate(names)]
    watched.gate.set()
    for seed, name in enumerate(names):
        asking.check(seed, name, sent[seed])
    assert max(len(each) for each in company) > 4, "they shared no batch"


def test_without_an_adapted_row_the_plain_stages_run_bit_for_bit(asking: Asking) -> None:
    before, future = asking.ask(1)
    future.result(30)
    asking.load("serial-0")
    after, future = asking.ask(1)
    future.result(30)
    logits = asking.watched.logits
    assert np.array_equal(logits[before.id], logits[after.id])


def test_embeddings_of_an_adapter_leave_the_blocks_plain(asking: Asking) -> None:
    asking.load("embeddings-0")
    adapted: list[str] = []
    stages = asking.watched.stages.adapted
    call = stages.call

    def seen(stage: str, adapter: NDArray[np.int64]) -> object:
        found = call(stage, adapter)
        adapted.extend([stage] if found is not None else [])
        return found

    stages.call = seen  # type: ignore[method-assign,assignment]
    asking.check(1, "embeddings-0", asking.ask(1, "embeddings-0"))
    assert set(adapted) == {"stem[vqa]"}


def test_a_dropped_adapter_finishes_its_rows_first(asking: Asking) -> None:
    loaded, watched = asking.load("low_rank-0"), asking.watched
    watched.gate.clear()
    sent = asking.ask(5, "low_rank-0")
    watched.pool.drop_adapter("low_rank-0")
    with pytest.raises(UnknownAdapter, match="none is loaded"):
        asking.ask(6, "low_rank-0")
    assert asking.users(loaded) == 1
    watched.gate.set()
    asking.check(5, "low_rank-0", sent)
    assert asking.users(loaded) == 0
    running = watched.stages.adapted.running
    assert running is not None
    for stage in running.form.stages:
        for table in running.tables.of(stage).values():
            assert not np.asarray(table)[loaded.place].any()


def test_a_place_is_used_again_and_again(asking: Asking) -> None:
    for turn in range(12):  # more than there are places
        name = EIGHT[turn % 8]
        asking.load(name)
        asking.check(turn, name, asking.ask(turn, name))
        asking.watched.pool.drop_adapter(name)


def test_requests_that_end_early_let_their_adapter_go(asking: Asking) -> None:
    watched, loaded = asking.watched, asking.load("low_rank-0")
    now = watched.clock.time_s
    watched.pool.cancel(watched.pool.admit("vqa", Budget(), now, adapter="low_rank-0"))
    assert asking.users(loaded) == 0
    watched.gate.clear()
    request, future = asking.ask(1, "low_rank-0")
    assert asking.users(loaded) == 1
    watched.pool.cancel(request)
    watched.gate.set()
    with pytest.raises(Cancelled):
        future.result(10)
    with pytest.raises(UnknownVariant):
        asking.ask(1, "low_rank-0", "d99")
    asking.check(2, None, asking.ask(2))
    assert asking.users(loaded) == 0
