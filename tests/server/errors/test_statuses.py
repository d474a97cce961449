"""One table maps every error to a status; nothing of the inside leaves with a 5xx."""

from __future__ import annotations

import json

import pytest
from starlette.exceptions import HTTPException

from engine import errors as engine
from pictures.errors import DecodeWorkerDied, ImageError
from server import errors as http
from server.errors.responses import error_response
from server.errors.statuses import INTERNAL, PROBLEMS, classify
from tests.server.kit.fake_artifact import offer


def family(root: type[Exception]) -> list[type[Exception]]:
    return [root, *(kind for child in root.__subclasses__() for kind in family(child))]


@pytest.mark.parametrize(
    "root", [engine.EngineError, http.ServerError, ImageError, DecodeWorkerDied]
)
def test_every_error_has_its_own_line(root: type[Exception]) -> None:
    missing = [kind.__name__ for kind in family(root) if kind not in PROBLEMS]
    assert not missing


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (engine.UnknownVariant("x", ("full",)), 422, None),
        (engine.InvalidInput("top_k", "too large"), 422, None),
        (engine.NoVariantFits(("min_quality 0.99",), offer("full", 4, 0.95)), 422, None),
        (engine.QueueFull(8, 2.2), 429, "3"),
        (engine.QueueFull(8, 0.0), 429, "1"),
        (engine.Draining(), 503, "5"),
        (engine.NotReady(), 503, "2"),
        (engine.DeadlineUnattainable(5, 40.5, "d2"), 504, None),
        (engine.DeadlineExpired(1.5), 504, None),
        (engine.InferenceFailed("block[0]", "NaN at /secret/path"), 500, None),
        (engine.LoadFailed("block[0]", "gone from /secret/path", "copy it"), 503, "10"),
        (http.BodyTooLarge(5), 413, None),
        (http.UnsupportedBody("text/plain"), 415, None),
        (http.TooManyBodies(1.0), 429, "1"),
        (HTTPException(405, headers={"Allow": "POST"}), 405, None),
        (ValueError("/secret/path"), 500, None),
    ],
)
def test_problem(error: Exception, status: int, retry_after: str | None) -> None:
    response = error_response(error, "id-1", "/v1/vqa")
    body = json.loads(bytes(response.body))
    assert response.status_code == body["status"] == status
    assert response.media_type == "application/problem+json"
    assert set(body) >= {"type", "title", "status", "detail", "instance", "request_id"}
    assert response.headers.get("retry-after") == retry_after
    assert "secret" not in bytes(response.body).decode()


def test_framework_headers_survive() -> None:
    response = error_response(HTTPException(405, headers={"Allow": "POST"}), "id", "/")
    assert response.headers["allow"] == "POST"


def test_nearest_offer_is_named() -> None:
    error = engine.NoVariantFits(("max_memory_mb 1",), offer("d2", 2, 0.8))
    body = json.loads(bytes(error_response(error, "id", "/").body))
    assert body["nearest_offer"] == {
        "variant": "d2",
        "quality": 0.8,
        "memory_mb": 2.0,
        "predicted_ms": 2.0,
    }


def test_a_new_subclass_inherits_its_parents_line() -> None:
    class Fuller(engine.QueueFull):
        pass

    assert classify(Fuller(1, 1.0)) is PROBLEMS[engine.QueueFull]
    assert classify(RuntimeError()) is INTERNAL


def test_types_and_statuses_are_unambiguous() -> None:
    status_of: dict[str, int] = {}
    for problem in PROBLEMS.values():
        assert status_of.setdefault(problem.slug, problem.status) == problem.status
