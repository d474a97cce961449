"""A task that exists in tests alone is served by its line in the registry alone."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE, IMAGE
from tests.server.kit.ready_client import ready_client
from tests.toy_task.registered import add_size_task
from tests.toy_task.worked import SizeInput

ROUTE = "/v1/size"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    add_size_task(monkeypatch)


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("as_form", [True, False])
def test_it_is_asked_in_both_ways(as_form: bool) -> None:
    pool = FakePool()
    with ready_client(pool) as client:
        if as_form:
            data = {"prompt": "how full?", "variant": "d2"}
            answer = client.post(ROUTE, files=FILE, data=data)
        else:
            body = {"image": IMAGE, "prompt": "how full?", "budget": {"variant": "d2"}}
            answer = client.post(ROUTE, json=body)
        assert answer.status_code == 200, answer.text
        (said,) = answer.json()["answers"]
        assert (said["size"], said["variant"]) == ("small", "d2")
        assert said["scores"] == {"small": 0.875, "medium": 0.125}
        assert "total;dur=" in answer.headers["server-timing"]
    assert [each.task.name for each in pool.admitted] == ["size"]
    assert [made.prompt for made in pool.seen if isinstance(made, SizeInput)] == ["how full?"]


@pytest.mark.usefixtures("toy")
def test_its_fields_are_checked_as_any() -> None:
    with ready_client() as client:
        for body in ({"image": IMAGE}, {"image": IMAGE, "prompt": "how full?", "more": 1}):
            assert client.post(ROUTE, json=body).status_code == 422
        blank = client.post(ROUTE, json={"image": IMAGE, "prompt": " "}).json()
        assert blank["errors"] == [{"field": "prompt", "problem": "has no words"}]


@pytest.mark.usefixtures("toy")
def test_it_stands_in_the_document_and_in_the_list_of_variants() -> None:
    with ready_client() as client:
        document = client.get("/openapi.json").json()
        content = document["paths"][ROUTE]["post"]["requestBody"]["content"]
        assert set(content["multipart/form-data"]["schema"]["properties"]) >= {"image", "prompt"}
        assert "SizeRequest" in document["components"]["schemas"]
        (parameter,) = document["paths"]["/v1/variants"]["get"]["parameters"]
        assert "size" in parameter["schema"]["enum"]
        assert client.get("/v1/variants", params={"task": "size"}).status_code == 200


def test_without_its_line_there_is_no_such_route(client: TestClient) -> None:
    assert client.post(ROUTE, json={}).status_code == 404
    assert client.get("/v1/variants", params={"task": "size"}).status_code == 422
