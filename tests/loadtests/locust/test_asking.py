from __future__ import annotations

import json
import random

import pytest

from loadtests.kit.asking.answers import RightAnswers
from loadtests.kit.asking.cases import load_cases
from loadtests.kit.asking.forms import CONTENT_TYPE
from loadtests.locust.asking import judge, request_for
from loadtests.locust.marks import REJECTED, JudgedReply
from server.http.multipart import parse_multipart
from tests.loadtests.kit.asking.served import answered


@pytest.mark.parametrize("task", ["vqa", "caption", "reason"])
def test_requests_are_ones_the_server_reads(task: str) -> None:
    request = request_for(
        task, load_cases(None), {"on_miss": "reject"}, RightAnswers(), random.Random(0)
    )
    parts = [(part.name, part.data) for part in parse_multipart(request.body, CONTENT_TYPE)]
    names = [name for name, _ in parts]
    text = {"vqa": ["question"], "caption": [], "reason": ["statement"]}[task]
    assert names == [*text, "on_miss", *["image"] * (2 if task == "reason" else 1)]
    assert len({bytes(data) for _, data in parts}) == len(parts), "the same picture twice"


def test_replies_are_judged() -> None:
    cases = load_cases(None)
    request = request_for("vqa", cases, {}, RightAnswers(), random.Random(0))
    good = json.dumps(answered(question=cases["vqa"][0].json()["question"]))
    problem = json.dumps({"type": "urn:otmv:problem:deadline"})
    assert judge(200, good, False, request) == JudgedReply("full", 0.9)
    assert judge(504, problem, True, request) == JudgedReply(miss=REJECTED)
    assert judge(504, problem, False, request) == JudgedReply(miss="504 deadline")
    assert judge(0, "ConnectionRefusedError", True, request).miss == "0 ConnectionRefusedError"
    assert judge(200, "{}", False, request).miss.startswith("not a whole answer")
    assert judge(200, "oops", False, request).miss.startswith("not a whole answer")
