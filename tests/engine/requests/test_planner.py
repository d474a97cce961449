"""What fits a budget is looked for once, and again when other keys are resident."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from artifact.task import VQA
from engine.requests import planner as planning
from engine.types import Budget
from tests.engine.pools.fake_backend import fake_pool


def test_what_fits_is_remembered_by_the_hard_limits_alone(tiny: Artifact) -> None:
    pool, _, _ = fake_pool(tiny)
    planner = pool._parts.planner
    found = planner.fitting(VQA, Budget())
    assert planner.fitting(VQA, Budget(max_latency_ms=5.0)) is found
    named = found[-1].variant
    assert [offer.variant for offer in planner.fitting(VQA, Budget(variant=named))] == [named]
    quality = found[0].quality
    assert quality is not None
    assert all(o.quality == quality for o in planner.fitting(VQA, Budget(min_quality=quality)))
    pool.close()


def test_fewer_resident_keys_are_seen_at_once(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, _, _ = fake_pool(tiny)
    planner, stages = pool._parts.planner, pool._stages
    before = planner.fitting(VQA, Budget())
    monkeypatch.setattr(stages, "_resident_keys", stages.resident_keys - 1)
    after = planner.fitting(VQA, Budget())
    assert {offer.variant for offer in after} < {offer.variant for offer in before}
    pool.close()


def test_clients_that_choose_many_limits_fill_no_memory(tiny: Artifact) -> None:
    pool, _, _ = fake_pool(tiny)
    planner = pool._parts.planner
    for number in range(3 * planning._MOST_KNOWN):
        planner.fitting(VQA, Budget(max_memory_mb=1e6 + number))
    assert len(planner._fitting) <= planning._MOST_KNOWN
    pool.close()
