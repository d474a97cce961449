"""Which answers are kept to be run again, and how many."""

from __future__ import annotations

import dataclasses
from functools import partial

import numpy as np
import pytest

from engine.requests.audit_sample import AuditSample
from engine.requests.request import Request
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Input, MadeBy
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools.fake_engine import FakeEngine


class Asked:
    """Answered requests about whatever a test says, and their answers."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine
        made = VqaInput(picture(0), "what colour")
        self._request = engine.admit()
        self._answer = engine.pool.submit(self._request, made).result(20)

    def about(self, given: Input) -> Request:
        self._request.given = given
        return self._request

    def answer(self, variant: str, label: str = "red", text: str | None = None) -> Answer:
        labels = () if text else ((label, 0.9), ("blue", 0.1))
        return dataclasses.replace(self._answer, variant=variant, labels=labels, text=text)


@pytest.fixture
def asked(engine: FakeEngine) -> Asked:
    return Asked(engine)


def question(bytes_: int = 0) -> VqaInput:
    return VqaInput(np.zeros(bytes_, np.uint8), "")


def test_it_keeps_the_share_it_is_told(asked: Asked) -> None:
    request = asked.about(question())
    for share, kept in ((0.0, 0), (0.25, 25), (1.0, 100)):
        drawn = iter(number / 100 for number in range(100))
        sample = AuditSample(share, "full", partial(next, drawn))
        for _ in range(100):
            sample.offer(request, asked.answer("d1"))
        assert len(sample) == kept


def test_it_keeps_what_lower_variants_said(asked: Asked) -> None:
    sample, request = AuditSample(1.0, "full"), asked.about(question(7))
    for made in (asked.answer("full"), asked.answer("d1"), asked.answer("d2", text="a red circle")):
        sample.offer(request, made)
    first, second = sample.take(), sample.take()
    assert (first.made_by, first.said) == (MadeBy("vqa", "d1"), "red")
    assert (second.made_by, second.said) == (MadeBy("vqa", "d2"), "a red circle")
    assert first.given is request.given
    assert len(sample) == 0


def test_captions_of_several_beams_are_left_out(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, request = AuditSample(1.0, "full"), asked.about(question())
    monkeypatch.setattr(Request, "texts", 2)
    sample.offer(request, asked.answer("d1", text="red"))
    assert len(sample) == 0


def test_the_oldest_goes_when_there_are_too_many(asked: Asked) -> None:
    sample, request = AuditSample(1.0, "full"), asked.about(question())
    for number in range(300):
        sample.offer(request, asked.answer("d1", str(number)))
    assert len(sample) == 256
    assert sample.take().said == "44"


def test_its_bytes_are_bounded(asked: Asked) -> None:
    sample = AuditSample(1.0, "full")
    big = asked.about(ReasonInput((np.zeros(2**24, np.uint8),) * 2, "x" * 2**20))
    for number in range(5):
        sample.offer(big, asked.answer("d1", str(number)))
    assert len(sample) == 1, "two of 36 MiB are more than 64"
    assert sample.take().said == "4"
    sample.offer(asked.about(question(2**26 + 1)), asked.answer("d1"))
    assert len(sample) == 0
