"""Vectors by the engine: those of the model at every stop, alone and in company."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from artifact.store import Artifact
from artifact.task import EMBED_IMAGE, EMBED_TEXT
from engine.config import EngineConfig
from engine.pool import EnginePool
from engine.residency.stages import StageSet
from engine.tasks.embed import EmbedImageInput, EmbedTextInput
from engine.types import Answer, Budget
from models.checkpoint import Checkpoint
from tests.server.tasks.retrieval.embedding_model import (
    TEXTS,
    VARIANTS,
    by_torch,
    depth_of,
    picture,
)

MAX_BATCH = 8
BOUND = 1e-5
"""Of the relative distance between two ways to a vector."""


@pytest.fixture(scope="module")
def pool(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnginePool]:
    config = EngineConfig(
        cache_dir=tmp_path_factory.mktemp("cache"), threads=1, max_batch=MAX_BATCH
    )
    opened = EnginePool.open(artifact, config)
    yield opened
    opened.close()


def ask(
    pool: EnginePool, asked: NDArray[np.uint8] | str, every_stop: bool = False, **budget: Any
) -> Future[Answer]:
    given = (
        EmbedTextInput(asked, every_stop)
        if isinstance(asked, str)
        else EmbedImageInput(asked, every_stop)
    )
    request = pool.admit(given.task, Budget(**budget), pool._clock.now_s())
    return pool.submit(request, given)


def vector(answer: Answer) -> NDArray[np.float32]:
    return answer.vectors[answer.variant]


def distance(found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


ASKED = [*TEXTS, *map(picture, range(3))]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_vector_alone_is_the_models(
    pool: EnginePool, checkpoint: Checkpoint, variant: str
) -> None:
    for asked in ASKED:
        answer = ask(pool, asked, variant=variant).result(20)
        assert list(answer.vectors) == [variant]
        found = vector(answer)
        assert distance(found, by_torch(checkpoint, asked, depth_of(variant))) <= BOUND
        assert float(np.linalg.norm(found)) == pytest.approx(1, abs=1e-5)


def test_a_vector_in_company_is_that_of_one_alone(pool: EnginePool, checkpoint: Checkpoint) -> None:
    budgets: list[dict[str, Any]] = [{}, {"max_latency_ms": 0.01}, {"max_latency_ms": 4.0}]
    budgets += [{"variant": variant} for variant in VARIANTS]
    sent = [
        (asked, ask(pool, asked, **budgets[place % len(budgets)]))
        for place, asked in enumerate([*ASKED * 6, *map(picture, range(10, 30))])
    ]
    seen = set()
    for asked, future in sent:
        answer = future.result(20)
        seen.add(answer.variant)
        expected = by_torch(checkpoint, asked, depth_of(answer.variant))
        assert distance(vector(answer), expected) <= BOUND
    assert seen == set(VARIANTS)


def test_a_row_that_keeps_every_stop_has_the_vector_of_each(
    pool: EnginePool, checkpoint: Checkpoint
) -> None:
    for asked in ASKED:
        answer = ask(pool, asked, every_stop=True).result(20)
        assert list(answer.vectors) == list(VARIANTS)
        for variant, found in answer.vectors.items():
            assert distance(found, by_torch(checkpoint, asked, depth_of(variant))) <= BOUND


def test_a_row_that_keeps_every_stop_and_has_no_time_has_the_first(pool: EnginePool) -> None:
    answer = ask(pool, picture(1), every_stop=True, max_latency_ms=0.01).result(20)
    assert answer.variant == VARIANTS[0]
    assert list(answer.vectors) == [VARIANTS[0]]
    assert answer.deadline_met is False


def test_no_call_has_more_entries_than_a_batch_however_many_stops_rows_keep(
    pool: EnginePool, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[int] = []
    run = StageSet.run

    def counted(self: StageSet, stage: str, inputs: Any, *into: Any) -> Any:
        entries.append(len(next(iter(inputs.values()))))
        return run(self, stage, inputs, *into)

    monkeypatch.setattr(StageSet, "run", counted)
    shown = [picture(seed) for seed in range(40, 52)]
    sent = [ask(pool, each, every_stop=True) for each in shown]
    for each, future in zip(shown, sent, strict=True):
        for variant, found in future.result(20).vectors.items():
            assert distance(found, by_torch(checkpoint, each, depth_of(variant))) <= BOUND
    assert max(entries) == MAX_BATCH


def test_both_sides_have_times_and_variants_of_their_own(pool: EnginePool) -> None:
    for task in (EMBED_IMAGE, EMBED_TEXT):
        offers = pool.offers(task.name)
        assert [offer.variant for offer in offers] == list(VARIANTS)
        assert all(offer.predicted_s > 0 for offer in offers)
