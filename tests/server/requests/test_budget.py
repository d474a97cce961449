"""Budgets in bodies, forms and headers."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from server.errors import InvalidFields
from server.requests.budget import (
    FIRST_TOKEN_HEADERS,
    BudgetDefaults,
    BudgetFields,
    first_token_ms_from,
)
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE, IMAGE, ask_question

NUMBERS = ("max_latency_ms", "max_memory_mb", "min_quality", "min_on_time_probability")


def test_budget_reaches_the_engine_whichever_way(client: TestClient, pool: FakePool) -> None:
    budget = {"max_latency_ms": 250, "max_memory_mb": 9.5, "min_quality": 0.5}
    budget["min_on_time_probability"] = 0.75
    rest = {"variant": "full", "on_miss": "reject"}
    headers = {
        "X-Otmv-Max-Latency-Ms": "250",
        "x-otmv-max-memory-mb": "9.5",
        "X-OTMV-MIN-QUALITY": "0.5",
        "X-Otmv-Variant": "full",
        "X-Otmv-On-Miss": "reject",
        "X-Otmv-Min-On-Time-Probability": "0.75",
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
    assert first.min_on_time_probability == 0.75


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


@pytest.mark.parametrize("text", ["250", " 250 ", "2.5e2", "+250", "250.", "0250"])
def test_decimals_are_numbers(client: TestClient, pool: FakePool, text: str) -> None:
    question = {"question": "q?"}
    client.post("/v1/vqa", files=FILE, data=question, headers={"X-Otmv-Max-Latency-Ms": text})
    client.post("/v1/vqa", files=FILE, data={**question, "max_latency_ms": text})
    assert [ticket.budget.max_latency_ms for ticket in pool.admitted] == [250, 250]


@pytest.mark.parametrize("text", ["1_0", "1_0.0", "\u0661\u0660", "nan", "0x10", "1e1_0", "True"])
def test_nothing_else_is(client: TestClient, pool: FakePool, text: str) -> None:
    for name in (*NUMBERS, "top_k"):
        response = client.post("/v1/vqa", files=FILE, data={"question": "q?", name: text})
        assert response.status_code == 422
        (error,) = response.json()["errors"]
        assert error["field"].endswith(name)
    for name in ("max_new_tokens", "num_beams"):
        response = client.post("/v1/caption", files=FILE, data={name: text})
        assert response.status_code == 422
    assert not pool.admitted


@pytest.mark.parametrize("name", FIRST_TOKEN_HEADERS)
def test_a_time_to_the_first_token_bounds_an_answer_that_comes_at_once(name: str) -> None:
    assert first_token_ms_from(Headers({name: " 200 "})) == 200
    defaults = BudgetDefaults("degrade", 1000)
    none = BudgetFields()

    def whole(body: BudgetFields, first_ms: float | None) -> float | None:
        budget = defaults.merged(body, none, first_ms).for_whole_answer()
        assert budget.max_first_token_ms is None
        return budget.max_latency_ms

    assert whole(none, 200) == 200
    assert whole(BudgetFields(max_latency_ms=50), 200) == 50
    assert whole(BudgetFields(max_latency_ms=900), 200) == 200
    assert whole(none, None) == 1000


@pytest.mark.parametrize("stream", [False, True])
def test_of_a_stream_it_is_a_deadline_of_its_own(
    client: TestClient, pool: FakePool, stream: bool
) -> None:
    body = {"image": IMAGE, "stream": stream, "budget": {"max_latency_ms": 900}}
    client.post("/v1/caption", json=body, headers={FIRST_TOKEN_HEADERS[1]: "200"})
    (ticket,) = pool.admitted
    found = (ticket.budget.max_latency_ms, ticket.budget.max_first_token_ms)
    assert found == ((900, 200) if stream else (200, None))


@pytest.mark.parametrize("name", FIRST_TOKEN_HEADERS)
@pytest.mark.parametrize(
    "value", ["", "nan", "inf", "-1", "0", "1e999", "9223372036854775808", "²", "1_0", "soon"]
)
def test_a_time_that_is_none_is_refused_and_never_urgent(name: str, value: str) -> None:
    headers = Headers(raw=[(name.encode(), value.encode("latin-1", errors="replace"))])
    with pytest.raises(InvalidFields) as caught:
        first_token_ms_from(headers)
    assert caught.value.problems[0].field == name


def test_both_names_may_say_the_same() -> None:
    same = dict.fromkeys(FIRST_TOKEN_HEADERS, "200")
    assert first_token_ms_from(Headers(same)) == 200
    with pytest.raises(InvalidFields, match="two values"):
        first_token_ms_from(Headers(same | {FIRST_TOKEN_HEADERS[0]: "100"}))
    assert first_token_ms_from(Headers({})) is None
