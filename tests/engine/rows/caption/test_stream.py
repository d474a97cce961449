"""Streamed pieces, joined, are the text, whatever its tokenizer does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.rows.caption.stream import TextStream

texts = st.text(st.sampled_from("ab '"), max_size=8)


@given(st.lists(texts, max_size=8))
def test_a_tokenizer_may_write_the_last_word_anew(parts: list[str]) -> None:
    """Here a further word changes the word before it, and no other: it becomes capital."""

    def decode(words: Sequence[int]) -> str:
        shown = [parts[w].upper() if w + 1 < len(words) else parts[w] for w in words]
        return "".join(shown).strip()

    pieces: list[str] = []
    listener = TextStream(pieces.append, decode)
    for count in range(len(parts)):
        listener.grow(range(count))
    listener.end(decode(range(len(parts))))
    assert "".join(pieces) == decode(range(len(parts)))


@pytest.mark.parametrize(
    "text",
    [
        "a é b",
        pytest.param("a 🙂 b"),
        pytest.param("a € b"),
    ],
)
def test_characters_of_several_tokens(text: str) -> None:
    """A byte-level tokenizer shows U+FFFD where a character is not yet whole."""
    raw = text.encode()

    def decode(words: Sequence[int]) -> str:
        return bytes(words).decode("utf-8", errors="replace").strip()

    pieces: list[str] = []
    listener = TextStream(pieces.append, decode)
    for count in range(1, len(raw)):
        listener.grow(raw[:count])
    listener.end(decode(raw))
    assert "".join(pieces) == text
