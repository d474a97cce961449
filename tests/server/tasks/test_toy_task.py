"""A task that exists here only is served by its line in the registry alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from artifact.task import TASKS, VQA
from engine.tasks.vqa import VqaInput
from server.answering.work import EngineRequest, WorkResult
from server.engine_pool import Pool
from server.requests.budget import BudgetFields
from server.requests.fields import Text
from server.requests.json_pictures import OnePicture
from server.requests.reader import RequestShape, TaskFields
from server.tasks import SERVED_TASKS
from server.tasks.answer_body import AnswerBody, how_computed
from server.tasks.served_task import ServedTask
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import IMAGE
from tests.server.kit.ready_client import ready_client

TOY = replace(VQA, name="count", text="thing")


class CountFields(TaskFields):
    """What is counted in a picture."""

    things: list[Text]
    budget: BudgetFields = BudgetFields()


class CountRequest(OnePicture, CountFields):
    """A picture and what is counted in it."""


class CountResponse(AnswerBody):
    """How many there are."""

    request_id: str
    counts: dict[str, str]


def _engine_requests(fields: CountFields, pool: Pool) -> list[EngineRequest]:
    def make_input(thing: str, pixels: Any) -> VqaInput:
        return VqaInput(pixels[0], thing, 1)

    return [
        EngineRequest(partial(make_input, thing), TOY.rows, pool.check_question(thing))
        for thing in fields.things
    ]


def _body(result: WorkResult, fields: CountFields, request_id: str) -> CountResponse:
    found = [answer.labels[0][0] for answer in result.answers]
    counts = dict(zip(fields.things, found, strict=True))
    return CountResponse(request_id=request_id, counts=counts, **how_computed(result, 0))


SERVED_TOY = ServedTask(
    task=TOY,
    summary="Count things",
    description="Count things in a picture.",
    shape=RequestShape(CountFields, CountRequest, TOY.pictures, lists={"thing": "things"}),
    answer=CountResponse,
    texts=lambda fields: fields.things,
    engine_requests=_engine_requests,
    body=_body,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, TOY.name, TOY)
    monkeypatch.setitem(SERVED_TASKS, TOY.name, SERVED_TOY)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("as_form", [True, False])
def test_it_is_asked_in_both_ways(as_form: bool) -> None:
    pool = FakePool()
    with ready_client(pool) as client:
        if as_form:
            files = {"image": ("p.jpg", sample_pictures.jpeg(), "image/jpeg")}
            data = {"thing": ["cats", "dogs"], "variant": "d2"}
            answer = client.post("/v1/count", files=files, data=data)
        else:
            budget = {"variant": "d2"}
            body = {"image": IMAGE, "things": ["cats", "dogs"], "budget": budget}
            answer = client.post("/v1/count", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["counts"] == {"cats": "red", "dogs": "red"}
        assert answer.json()["variant"] == "d2"
        assert "total;dur=" in answer.headers["server-timing"]
    assert [each.task.name for each in pool.admitted] == ["count", "count"]
    assert [made.question for made in pool.seen if isinstance(made, VqaInput)] == ["cats", "dogs"]


@pytest.mark.usefixtures("toy")
def test_its_fields_are_checked_as_any() -> None:
    with ready_client() as client:
        for body in ({"image": IMAGE}, {"image": IMAGE, "things": ["a"], "more": 1}):
            assert client.post("/v1/count", json=body).status_code == 422
        blank = client.post("/v1/count", json={"image": IMAGE, "things": [" "]}).json()
        assert blank["errors"] == [{"field": "things.0", "problem": "has no words"}]


@pytest.mark.usefixtures("toy")
def test_it_stands_in_the_document_and_in_the_list_of_variants() -> None:
    with ready_client() as client:
        document = client.get("/openapi.json").json()
        content = document["paths"]["/v1/count"]["post"]["requestBody"]["content"]
        assert set(content["multipart/form-data"]["schema"]["properties"]) >= {"image", "thing"}
        assert "CountRequest" in document["components"]["schemas"]
        (parameter,) = document["paths"]["/v1/variants"]["get"]["parameters"]
        assert "count" in parameter["schema"]["anyOf"][0]["enum"]
        assert client.get("/v1/variants", params={"task": "count"}).status_code == 200


def test_without_its_line_there_is_no_such_route(client: TestClient) -> None:
    assert client.post("/v1/count", json={}).status_code == 404
    assert client.get("/v1/variants", params={"task": "count"}).status_code == 422
