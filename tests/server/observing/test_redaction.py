"""A failure is logged with its place and its kind, and never with what was asked."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from engine.errors import InferenceFailed
from server.observing.redaction import repeats, summary, traceback_text

QUESTION = 'What is the patient\'s "Diagnosé", please?'
PLACES = st.tuples(st.text(max_size=30), st.text(max_size=30))


class Narrow(BaseModel):
    question: int


@given(st.text(min_size=1, max_size=200), PLACES)
def test_a_text_that_stands_in_a_message_is_found(text: str, around: tuple[str, str]) -> None:
    before, after = around
    for written in (text, repr(text), ascii(text), json.dumps(text)):
        assert repeats(f"{before}{written}{after}", [text])


@pytest.mark.parametrize(
    "message",
    [
        f"cannot read {QUESTION}",
        f"cannot read {QUESTION!r}",
        f"bytes {QUESTION.encode()!r}",
        "'patient'",
        "near 'tient\\'s \"Diag'",
        f"cut off: {QUESTION[:15]}...",
    ],
)
def test_parts_and_quotations_are_found(message: str) -> None:
    assert repeats(message, [QUESTION])


@pytest.mark.parametrize("message", ["shapes (3, 4) and (5,) differ", "what is this?", "NaN"])
def test_what_only_shares_a_word_is_shown(message: str) -> None:
    assert not repeats(message, [QUESTION])
    assert summary(ValueError(message), [QUESTION]) == f"ValueError: {message}"


def test_before_anything_was_read_only_our_own_messages_are_shown() -> None:
    assert summary(ValueError("0xff in position 3"), None) == "ValueError: message withheld"
    assert summary(OSError(28, "No space left"), None).endswith("No space left")
    assert "NaN" in summary(InferenceFailed("block[0]", "NaN"), None)


def _failing() -> Exception:
    try:
        try:
            Narrow.model_validate({"question": QUESTION})
        except ValidationError as error:
            raise RuntimeError(f"no answer to {QUESTION}") from error
    except RuntimeError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("texts", [[QUESTION], None])
def test_a_traceback_names_places_and_kinds_only(texts: list[str] | None) -> None:
    written = traceback_text(_failing(), texts)
    assert written.count("Traceback (most recent call last):") == 2
    assert "in _failing" in written
    assert written.index("ValidationError: message withheld") < written.index("which led to:")
    assert written.endswith("RuntimeError: message withheld")
    for part in ("patient", "Diagnos", "please"):
        assert part not in written


def test_groups_are_written_and_circles_end() -> None:
    inner = ValueError(QUESTION)
    group = ExceptionGroup("several", [inner])
    inner.__cause__ = group
    written = traceback_text(group, [QUESTION])
    assert "ValueError: message withheld" in written
    assert "several" in written


def test_a_long_message_is_cut() -> None:
    assert len(summary(ValueError("x" * 10_000), [QUESTION])) < 600
