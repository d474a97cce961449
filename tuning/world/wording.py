"""The closed set of sentences that questions and statements are made of."""

from __future__ import annotations

from collections.abc import Mapping

ATTRIBUTE: Mapping[str, tuple[str, ...]] = {
    "color": ("what color is the {}?", "which color is the {}?", "what is the color of the {}?"),
    "shape": ("what shape is the {}?", "which shape is the {}?", "what is the shape of the {}?"),
    "size": ("what size is the {}?", "what is the size of the {}?", "is the {} small or large?"),
}
EXISTENCE = ("is there {}?", "can you see {}?", "does the picture show {}?")
COUNTING = (
    "how many {} are there?",
    "how many {} can you see?",
    "how many {} does the picture show?",
)
WHERE = ("where is the {}?", "where does the {} lie?", "in which corner is the {}?")
RELATION = ("is the {} {} the {}?", "does the {} lie {} the {}?")

SIDE = "the {} image contains {}"
BOTH = "both images contain {}"
EITHER = "at least one image contains {}"
ONE = "exactly one image contains {}"
NEITHER = "neither image contains {}"
SIDE_COUNT = "the {} image contains exactly {}"
TOTAL_COUNT = "the two images contain exactly {} in total"
MORE = "the {} image contains more {} than the {} image"
FEWER = "the {} image contains fewer {} than the {} image"
STATEMENTS = (SIDE, BOTH, EITHER, ONE, NEITHER, SIDE_COUNT, TOTAL_COUNT, MORE, FEWER)
NUMBERS = ("one", "two", "three", "four", "five", "six")

RELATIONS = ("left of", "right of", "above", "below")
QUADRANTS = ("top left", "top right", "bottom left", "bottom right")
PLURAL: Mapping[str, str] = {
    "object": "objects",
    "circle": "circles",
    "square": "squares",
    "triangle": "triangles",
    "cross": "crosses",
}


def with_article(noun: str) -> str:
    """Return `a red circle` or `an orange circle`."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
