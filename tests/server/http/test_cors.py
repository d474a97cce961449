"""Cross-origin requests: refused by silence unless an origin is configured."""

from __future__ import annotations

import pytest

from server.access.keys import sha256_of
from tests.server.kit.good_question import FILE
from tests.server.kit.ready_client import ready_client

APP = "https://app.example"
PREFLIGHT = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-otmv-max-latency-ms",
}


def allowed(headers: object) -> list[str]:
    return [name for name in headers if name.startswith("access-control-")]  # type: ignore[attr-defined]


def test_it_is_off_unless_asked_for() -> None:
    with ready_client() as client:
        answer = client.post(
            "/v1/vqa", files=FILE, data={"question": "q?"}, headers={"Origin": APP}
        )
        preflight = client.options("/v1/vqa", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert not allowed(answer.headers)
    assert not allowed(preflight.headers)


@pytest.mark.parametrize("with_keys", [False, True])
def test_a_configured_origin_may_ask_and_read(with_keys: bool) -> None:
    keys = {"alice": {"sha256": sha256_of("k")}} if with_keys else {}
    with ready_client(cors_origins=(APP,), keys=keys) as client:
        preflight = client.options("/v1/vqa", headers=PREFLIGHT)
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == APP
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in preflight.headers
        headers = {"Origin": APP, "Authorization": "Bearer k"}
        answer = client.post("/v1/vqa", files=FILE, data={"question": "q?"}, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == APP
        assert "Server-Timing" in answer.headers["access-control-expose-headers"]
        refused = client.post("/v1/vqa", headers=headers)
        assert refused.status_code == 415
        assert refused.headers["access-control-allow-origin"] == APP


def test_a_page_can_read_that_its_key_is_missing() -> None:
    with ready_client(cors_origins=(APP,), keys={"alice": {"sha256": sha256_of("k")}}) as client:
        refused = client.get("/v1/variants", headers={"Origin": APP})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == APP


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "https://evil.example"},
        {"Access-Control-Request-Method": "DELETE"},
        {"Access-Control-Request-Headers": "x-whatever"},
    ],
)
def test_a_refused_preflight_is_a_problem_too(changed: dict[str, str]) -> None:
    with ready_client(cors_origins=(APP,)) as client:
        response = client.options("/v1/vqa", headers=PREFLIGHT | changed)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert int(response.headers["content-length"]) == len(response.content)
    assert ("Origin" in changed) is ("access-control-allow-origin" not in response.headers)


def test_another_origin_gets_an_answer_it_cannot_read() -> None:
    with ready_client(cors_origins=(APP,)) as client:
        response = client.get("/v1/variants", headers={"Origin": "https://evil.example"})
    assert response.status_code == 200
    assert "access-control-allow-origin" not in response.headers


def test_every_origin() -> None:
    with ready_client(cors_origins=("*",)) as client:
        response = client.get("/v1/variants", headers={"Origin": "https://any.example"})
    assert response.headers["access-control-allow-origin"] == "*"
