"""Which answers are kept to be run again, and how many."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from artifact.store import Artifact
from engine.requests.audit_sample import AuditSample
from engine.requests.request import Request
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Input, MadeBy
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools.fake_engine import FakeEngine


@pytest.fixture
def asked(engine: FakeEngine, tiny: Artifact) -> Callable[[Input], Request]:
    """Returns an answered request about an input."""

    def ask(given: Input) -> Request:
        request = engine.admit()
        engine.pool.submit(request, VqaInput(picture(0), "what colour")).result(20)
        request.given = given
        return request

    return ask


def answer(variant: str, label: str = "red", text: str | None = None) -> Answer:
    labels = () if text else ((label, 0.9), ("blue", 0.1))
    return Answer("vqa", variant, (0,), "1", 1, 0.5, 0.01, True, False, labels, text)


def question(bytes_: int = 0) -> VqaInput:
    return VqaInput(np.zeros(bytes_, np.uint8), "")


def test_it_keeps_the_share_it_is_told(asked: Callable[[Input], Request]) -> None:
    request = asked(question())
    for share, kept in ((0.0, 0), (0.25, 25), (1.0, 100)):
        drawn = iter(number / 100 for number in range(100))
        sample = AuditSample(share, "full", lambda drawn=drawn: next(drawn))  # type: ignore[misc]
        for _ in range(100):
            sample.offer(request, answer("d1"))
        assert len(sample) == kept


def test_it_keeps_what_lower_variants_said(asked: Callable[[Input], Request]) -> None:
    sample, request = AuditSample(1.0, "full"), asked(question(7))
    for made in (answer("full"), answer("d1"), answer("d2", text="a red circle")):
        sample.offer(request, made)
    first, second = sample.take(), sample.take()
    assert (first.made_by, first.said) == (MadeBy("vqa", "d1"), "red")
    assert (second.made_by, second.said) == (MadeBy("vqa", "d2"), "a red circle")
    assert first.given is request.given
    assert len(sample) == 0


def test_captions_of_several_beams_are_left_out(
    asked: Callable[[Input], Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    sample, request = AuditSample(1.0, "full"), asked(question())
    monkeypatch.setattr(Request, "texts", 2)
    sample.offer(request, answer("d1", text="red"))
    assert len(sample) == 0


def test_the_oldest_goes_when_there_are_too_many(asked: Callable[[Input], Request]) -> None:
    sample, request = AuditSample(1.0, "full"), asked(question())
    for number in range(300):
        sample.offer(request, answer("d1", str(number)))
    assert len(sample) == 256
    assert sample.take().said == "44"


def test_its_bytes_are_bounded(asked: Callable[[Input], Request]) -> None:
    sample = AuditSample(1.0, "full")
    big = asked(ReasonInput((np.zeros(2**24, np.uint8),) * 2, "x" * 2**20))
    for number in range(5):
        sample.offer(big, answer("d1", str(number)))
    assert len(sample) == 1, "two of 36 MiB are more than 64"
    assert sample.take().said == "4"
    sample.offer(asked(question(2**26 + 1)), answer("d1"))
    assert len(sample) == 0
