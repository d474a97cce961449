"""Which pictures a caption is true of: what retrieval is tuned and measured on."""

from __future__ import annotations

import re
from collections.abc import Sequence

MEASURED_PICTURES = 200
"""Among how many pictures retrieval is measured, where captions tell that many apart."""

_OBJECT = re.compile(r"a (\w+) (\w+) (\w+)")

Kinds = frozenset[tuple[str, ...]]
"""Size, color and shape of every object that a caption names."""


def objects_in(caption: str) -> Kinds:
    """Return what a caption names; a picture's own caption names all of its objects."""
    return frozenset(_OBJECT.findall(caption))


def true_of(caption: str, own_caption: str) -> bool:
    """Tell whether a caption is true of the picture that has a caption of its own.

    It is true where all it names is there, whatever else there is.
    """
    return objects_in(caption) <= objects_in(own_caption)


def told_apart(captions: Sequence[str], most: int = MEASURED_PICTURES) -> list[int]:
    """Return the places of the first pictures of which each one's caption is true of it alone.

    Args:
        captions: of every picture, its own.
        most: how many are wanted.
    """
    chosen: list[int] = []
    named: list[Kinds] = []
    for place, caption in enumerate(captions):
        kinds = objects_in(caption)
        if len(chosen) == most:
            break
        if not any(kinds <= other or other <= kinds for other in named):
            chosen.append(place)
            named.append(kinds)
    return chosen
