"""Budgets in bodies, forms and headers."""

from __future__ import annotations

from starlette.testclient import TestClient

from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE, IMAGE, ask_question


def test_budget_reaches_the_engine_whichever_way(client: TestClient, pool: FakePool) -> None:
    budget = {"max_latency_ms": 250, "max_memory_mb": 9.5, "min_quality": 0.5}
    rest = {"variant": "full", "on_miss": "reject"}
    headers = {
        "X-Otmv-Max-Latency-Ms": "250",
        "x-otmv-max-memory-mb": "9.5",
        "X-OTMV-MIN-QUALITY": "0.5",
        "X-Otmv-Variant": "full",
        "X-Otmv-On-Miss": "reject",
    }
    question = {"question": "q?"}
    client.post("/v1/vqa", json={"image": IMAGE, **question, "budget": {**budget, **rest}})
    client.post("/v1/vqa", json={"image": IMAGE, **question}, headers=headers)
    form = {**question, **{name: str(value) for name, value in budget.items()}, **rest}
    client.post("/v1/vqa", files=FILE, data=form)
    first, *others = [ticket.budget for ticket in pool.admitted]
    assert len(others) == 2
    assert all(other == first for other in others)
    assert (first.max_latency_ms, first.max_memory_mb, first.min_quality) == (250, 9.5, 0.5)
    assert (first.variant, first.on_miss) == ("full", "reject")


def test_body_wins_over_header_field_by_field(client: TestClient, pool: FakePool) -> None:
    headers = {"X-Otmv-Max-Latency-Ms": "100", "X-Otmv-On-Miss": "reject"}
    body = {"image": IMAGE, "question": "q?", "budget": {"max_latency_ms": 200}}
    assert client.post("/v1/vqa", json=body, headers=headers).status_code == 200
    (ticket,) = pool.admitted
    assert (ticket.budget.max_latency_ms, ticket.budget.on_miss) == (200, "reject")


def test_without_a_budget_the_engine_decides(client: TestClient, pool: FakePool) -> None:
    ask_question(client)
    (ticket,) = pool.admitted
    assert ticket.budget.max_latency_ms is None
    assert ticket.budget.on_miss == "degrade"
