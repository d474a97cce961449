"""From a status and a body to the error a caller can act on."""

from __future__ import annotations

import email.utils
import time

import pytest

from otmv_serve import (
    DeadlineMissed,
    InvalidRequest,
    KeyRefused,
    NothingFits,
    OtmvError,
    RequestFailed,
    ServerBusy,
    ServerFailed,
    VariantNotKnown,
)
from otmv_serve.errors import failure
from server.errors.statuses import PROBLEMS, Problem

EVERY_PROBLEM = [*dict.fromkeys(PROBLEMS.values())]
OFFER = {"variant": "d1", "quality": 0.7, "memory_mb": 9.8, "predicted_ms": 2.1}


@pytest.mark.parametrize(
    "problem", dict.fromkeys(PROBLEMS.values()), ids=lambda problem: problem.slug
)
def test_every_problem_of_the_server_has_its_error(problem: Problem) -> None:
    body = {"type": problem.type_uri, "title": problem.title, "detail": "why", "request_id": "r"}
    error = failure(problem.status, body)
    kinds = {
        401: KeyRefused,
        403: KeyRefused,
        429: ServerBusy,
        503: ServerBusy,
        504: DeadlineMissed,
        500: ServerFailed,
    }
    expected = {"unknown-variant": VariantNotKnown, "no-variant-fits": NothingFits}.get(
        problem.slug, kinds.get(problem.status, InvalidRequest)
    )
    assert type(error) is expected
    assert isinstance(error, OtmvError)
    assert (error.status, error.type, error.request_id) == (problem.status, problem.type_uri, "r")
    assert str(error) == f"{problem.title}: why"


def test_what_a_problem_knows_is_typed() -> None:
    unknown = failure(422, {"type": "urn:otmv:problem:unknown-variant", "known_variants": ["d1"]})
    assert isinstance(unknown, VariantNotKnown)
    assert unknown.known_variants == ["d1"]
    fits = failure(422, {"type": "urn:otmv:problem:no-variant-fits", "nearest_offer": OFFER})
    assert isinstance(fits, NothingFits)
    assert fits.nearest_offer == OFFER
    fields = failure(422, {"errors": [{"field": "top_k", "problem": "too large"}]})
    assert isinstance(fields, InvalidRequest)
    assert fields.fields == {"top_k": "too large"}


@pytest.mark.parametrize("body", [None, [], "text", 3, {}])
def test_a_body_of_another_program_is_an_error_too(body: object) -> None:
    error = failure(502, body)
    assert isinstance(error, ServerBusy)
    assert (str(error), error.type) == ("the server answered 502", "about:blank")


@pytest.mark.parametrize(
    ("body", "header", "asked_s"),
    [
        ({"retry_after_s": 0.25}, "1", 0.25),
        ({}, "7", 7.0),
        ({}, "", None),
        ({}, "soon", None),
        ({}, "-4", 0.0),
        ({}, "inf", None),
        ({"retry_after_s": "nan"}, "", None),
        ({"retry_after_s": None}, "", None),
        ({}, "Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
    ],
)
def test_how_long_a_server_asks_to_wait(
    body: dict[str, object], header: str, asked_s: float | None
) -> None:
    assert failure(503, body, header).asked_wait_s == asked_s


def test_a_date_is_seconds_from_now() -> None:
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    asked_s = failure(503, {}, date).asked_wait_s
    assert asked_s is not None
    assert 50 < asked_s <= 60
    assert isinstance(failure(503, {}, date), RequestFailed)
