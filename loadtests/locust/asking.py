"""One request as bytes, and its reply judged. Pure."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from loadtests.kit.asking.answers import RightAnswers, WrongAnswer, problem_kind
from loadtests.kit.asking.cases import Cases
from loadtests.kit.asking.tasks import ASKED
from loadtests.locust.marks import REJECTED, JudgedReply

_SHOWN = 200


@dataclass(frozen=True)
class HttpRequest:
    """A path and a body; `check` raises `WrongAnswer` where an answer is not whole."""

    path: str
    body: bytes
    check: Callable[[Mapping[str, Any]], None]


def request_for(
    task: str, cases: Cases, fields: Mapping[str, str], score: RightAnswers, rng: random.Random
) -> HttpRequest:
    """Return a request on a random case of a task; its check counts the right answers."""
    case = rng.choice(cases[task])
    return HttpRequest(ASKED[task].path, case.form(fields), partial(case.check, score=score))


def judge(status: int, text: str, may_reject: bool, request: HttpRequest) -> JudgedReply:
    """Judge a reply; `status` 0 is none, `text` then says why."""
    if status == 504 and may_reject:
        return JudgedReply(miss=REJECTED)
    if status != 200:
        return JudgedReply(miss=_refusal(status, text))
    try:
        found = json.loads(text)
        request.check(found)
        served = found["answers"][0]
        return JudgedReply(str(served["variant"]), served["variant_quality"])
    except (WrongAnswer, KeyError, ValueError, TypeError) as error:
        return JudgedReply(miss=f"not a whole answer: {error!r}"[:_SHOWN])


def _refusal(status: int, text: str) -> str:
    """Return the status and, of an RFC 9457 problem, its kind."""
    kind = problem_kind(text)
    return f"{status} {text if kind is None else kind}".strip()[:_SHOWN]
