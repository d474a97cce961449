"""Labelled examples, and rows of tokens of several lengths."""

from __future__ import annotations

from exporters.examples import Example, lengths_mask, padded


def test_the_text_is_the_question_or_the_statement() -> None:
    asked = Example(b"", "vqa", question="what is it?")
    stated = Example(b"l", "reason", right_image=b"r", statement="both are red", truth=True)
    assert (asked.text, stated.text, Example(b"", "caption").text) == (
        "what is it?",
        "both are red",
        None,
    )
    assert (asked.images, stated.images) == ((b"",), (b"l", b"r"))


def test_rows_are_filled_up_at_their_ends() -> None:
    rows = [[5, 6, 7], [8]]
    assert padded(rows, 1).tolist() == [[5, 6, 7], [8, 1, 1]]
    assert lengths_mask(rows, 3).tolist() == [[True, True, True], [True, False, False]]
