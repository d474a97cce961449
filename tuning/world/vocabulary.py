"""Every word and every answer the world can contain, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator

from artifact.manifest import DomainRecord
from tuning.world import wording
from tuning.world.scene import COLORS, MAX_OBJECTS, SHAPES, SIZES

ANSWERS: tuple[str, ...] = (
    "yes",
    "no",
    *(str(count) for count in range(MAX_OBJECTS + 1)),
    *COLORS,
    *SHAPES,
    *SIZES,
    *wording.QUADRANTS,
)


def _sentences() -> Iterator[str]:
    """Yield texts that together hold every word of every question, caption and statement."""
    yield from (SIZES + COLORS + SHAPES)
    yield from (*wording.PLURAL, *wording.PLURAL.values(), *wording.RELATIONS)
    for templates in wording.ATTRIBUTE.values():
        yield from templates
    yield from wording.EXISTENCE + wording.COUNTING + wording.WHERE + wording.RELATION
    yield from (*wording.STATEMENTS, *wording.NUMBERS)
    yield "a an and"


def split(text: str) -> list[str]:
    """Return the words of a text; `?` and `,` are words of their own."""
    return text.replace("?", " ?").replace(",", " ,").split()


WORDS: tuple[str, ...] = tuple(
    sorted({word for text in _sentences() for word in split(text.replace("{}", " "))} | {"?", ","})
)

DOMAIN = DomainRecord(
    about="generated pictures of coloured shapes only",
    words=tuple(word for word in WORDS if word.isalpha()),
)
"""What a model knows that was tuned on this world."""
