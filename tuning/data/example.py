"""One example of a data set: pictures, a text, and what is right."""

from __future__ import annotations

from dataclasses import dataclass

RETRIEVAL = "retrieval"
"""What data sets call finding pictures by texts, and texts by pictures."""


@dataclass(frozen=True, slots=True)
class DataExample:
    """A request as a data set holds it, with what is right.

    Attributes:
        id: what the format calls it: a question's id, a picture's id, a statement's identifier.
        pictures: names of the picture files, left to right, as the format writes them.
        text: the question or statement; None if it brings none, or only tokens.
        answers: every annotator's answer, every caption of the picture, or "true" or "false"; empty
            where the split keeps them secret.
        kinds: groups that scores are also given for; of a question, its type and its answer's.
        tokens: the text's token ids, where the format holds these instead of words.
    """

    id: str
    pictures: tuple[str, ...]
    text: str | None = None
    answers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
