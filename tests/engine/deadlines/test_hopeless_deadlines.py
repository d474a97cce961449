"""A deadline that is lost from the start: the fastest variant that the hard budgets allow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact.store import Artifact
from artifact.task import TaskName
from engine.errors import NoVariantFits
from engine.requests.policy import distance
from engine.types import Answer, Budget, Offer
from tests.engine.artifacts.forked_artifact import write_forked
from tests.engine.pools.caption_engine import CaptionEngine

budgets = st.builds(
    Budget,
    max_latency_ms=st.floats(0.001, 1.0),
    max_memory_mb=st.none() | st.floats(0.0170, 0.0172),  # between the two sizes there are
    min_quality=st.none() | st.floats(0.5, 0.95),
    variant=st.none() | st.sampled_from(["d1", "d2", "full", "p1010", "p1001", "p1011"]),
)


@pytest.fixture(scope="module")
def forked_engine(
    tiny: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CaptionEngine]:
    made = CaptionEngine(write_forked(tiny, tmp_path_factory.mktemp("hopeless") / "tiny"))
    made.tick(0.001)
    yield made
    made.pool.close()


def ask(engine: CaptionEngine, task: TaskName, budget: Budget) -> Answer:
    if task == "vqa":
        return engine.send(budget).result(20)
    request = engine.pool.admit(task, budget, engine.clock.time_s)
    return engine.write(request).result(20)


def allowed(engine: CaptionEngine, task: TaskName, budget: Budget) -> list[Offer]:
    return [offer for offer in engine.pool.offers(task) if distance(offer, budget) == 0]


@given(task=st.sampled_from(["vqa", "caption"]), budget=budgets)
@settings(max_examples=200, deadline=None)
def test_a_hopeless_deadline_gets_the_fastest_variant_allowed(
    forked_engine: CaptionEngine, task: TaskName, budget: Budget
) -> None:
    try:
        answer = ask(forked_engine, task, budget)
    except NoVariantFits:
        assert not allowed(forked_engine, task, budget)
        return
    offers = allowed(forked_engine, task, budget)
    shortest = min(len(offer.executed) for offer in offers)
    quickest = [offer for offer in offers if len(offer.executed) == shortest]
    assert answer.variant in {offer.variant for offer in quickest}
    assert answer.quality == max(offer.quality or 0.0 for offer in quickest)
    assert answer.deadline_met is False
    best = max(offer.quality or 0.0 for offer in offers)
    why = answer.degraded_because
    assert (why is None) == (answer.quality == best)
    assert why is None or why.reason == "late"
