"""Statements about two pictures, true or false, after NLVR2 (Suhr et al., 2019).

A wording is drawn, then whether it shall be true, then its subject; a wording that could only
be true, or only false, of these pictures is drawn again. So a text alone says little about its
truth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from tuning.world import wording
from tuning.world.errors import WorldError
from tuning.world.scene import COLORS, SHAPES, SIZES, Scene, SceneObject, pick

Kind = Literal["side", "quantity", "count", "comparison"]
Thing = tuple[str | None, str | None, str | None]
"""Size, color and shape of what a statement is about; None: any."""
Texts = tuple[list[str], list[str]]
"""Wordings that are true of two pictures, and wordings that are false."""

KINDS: tuple[Kind, ...] = get_args(Kind)
KIND_SHARES: tuple[float, ...] = (0.25, 0.35, 0.2, 0.2)

_FORMS = ("color shape", "color shape", "size shape", "shape", "color")
_MAX_DRAWS = 50


@dataclass(frozen=True)
class Statement:
    """One statement about a left and a right picture, whether it is true, and its kind."""

    text: str
    truth: bool
    kind: Kind


def state(left: Scene, right: Scene, rng: np.random.Generator, count: int) -> list[Statement]:
    """Draw `count` different statements about two scenes.

    Raises:
        WorldError: no further different statement was found.
    """
    stated: dict[str, Statement] = {}
    for _ in range(_MAX_DRAWS * count):
        if len(stated) == count:
            break
        kind = KINDS[int(rng.choice(len(KINDS), p=KIND_SHARES))]
        true, false = _DRAW[kind](left, right, rng)
        if true and false:
            truth = bool(rng.integers(2))
            new = Statement(pick(rng, true if truth else false), truth, kind)
            stated.setdefault(new.text, new)
    if len(stated) < count:
        problem = f"only {len(stated)} different statements found about two pictures, not {count}"
        raise WorldError(problem, "ask for fewer statements per pair")
    return list(stated.values())


def _side(left: Scene, right: Scene, rng: np.random.Generator) -> Texts:
    """Say that one picture shows a thing; false: it is only in the other, or nearly so."""
    side, here, there = pick(rng, (("left", left, right), ("right", right, left)))
    things = _things(pick(rng, _FORMS))
    true = [thing for thing in things if _count(here, thing)]
    false = [thing for thing in things if not _count(here, thing)]
    near = [thing for thing in false if _count(there, thing)] or false
    text = wording.SIDE.format(side, "{}")
    return _texts(text, true), _texts(text, near)


def _quantity(left: Scene, right: Scene, rng: np.random.Generator) -> Texts:
    """Say in how many of the pictures a thing is."""
    text, holds = pick(rng, tuple(_QUANTITIES.items()))
    found: dict[bool, list[Thing]] = {True: [], False: []}
    for thing in _things(pick(rng, _FORMS)):
        found[holds(sum(bool(_count(scene, thing)) for scene in (left, right)))].append(thing)
    return _texts(text, found[True]), _texts(text, found[False])


def _number(left: Scene, right: Scene, rng: np.random.Generator) -> Texts:
    """Say how many of a thing one of the pictures shows, or both together; false: one off."""
    text, scenes = pick(
        rng,
        (
            (wording.SIDE_COUNT.format("left", "{}"), (left,)),
            (wording.SIDE_COUNT.format("right", "{}"), (right,)),
            (wording.TOTAL_COUNT, (left, right)),
        ),
    )
    number = int(rng.integers(1, len(wording.NUMBERS) + 1))
    found: dict[int, list[Thing]] = {}
    for thing in _COUNTED:
        real = sum(_count(scene, thing) for scene in scenes)
        found.setdefault(abs(real - number), []).append(thing)
    named = [
        [
            text.format(f"{wording.NUMBERS[number - 1]} {_noun(thing, plural=number > 1)}")
            for thing in found.get(off, [])
        ]
        for off in (0, 1)
    ]
    return named[0], named[1]


def _comparison(left: Scene, right: Scene, rng: np.random.Generator) -> Texts:
    """Say that one picture shows more of a thing than the other, or fewer."""
    text, sign = pick(rng, ((wording.MORE, 1), (wording.FEWER, -1)))
    near, far, here, there = pick(
        rng, (("left", "right", left, right), ("right", "left", right, left))
    )
    found: dict[bool, list[str]] = {True: [], False: []}
    for thing in _COUNTED:
        a, b = _count(here, thing), _count(there, thing)
        if a + b:
            said = text.format(near, _noun(thing, plural=True), far)
            found[sign * (a - b) > 0].append(said)
    return found[True], found[False]


def _texts(text: str, things: Sequence[Thing]) -> list[str]:
    """Return the wording with each of the things, article and all."""
    return [text.format(wording.with_article(_noun(thing))) for thing in things]


def _things(form: str) -> tuple[Thing, ...]:
    return tuple(_combined(form))


def _combined(form: str) -> Iterator[Thing]:
    sizes = SIZES if "size" in form else (None,)
    colors = COLORS if "color" in form else (None,)
    shapes = SHAPES if "shape" in form else (None,)
    for size in sizes:
        for color in colors:
            for shape in shapes:
                yield size, color, shape


def _count(scene: Scene, thing: Thing) -> int:
    return sum(_fits(item, thing) for item in scene.objects)


def _fits(item: SceneObject, thing: Thing) -> bool:
    values = (item.size, item.color, item.shape)
    return all(wanted in (None, value) for wanted, value in zip(thing, values, strict=True))


def _noun(thing: Thing, *, plural: bool = False) -> str:
    size, color, shape = thing
    head = shape or "object"
    front = [value for value in (size, color) if value is not None]
    return " ".join([*front, wording.PLURAL[head] if plural else head])


_QUANTITIES: Mapping[str, Callable[[int], bool]] = {
    wording.BOTH: lambda pictures: pictures == 2,
    wording.EITHER: lambda pictures: pictures >= 1,
    wording.ONE: lambda pictures: pictures == 1,
    wording.NEITHER: lambda pictures: pictures == 0,
}
_COUNTED = (*_things("shape"), *_things("color"), *_things("size"), (None, None, None))
_DRAW: Mapping[Kind, Callable[[Scene, Scene, np.random.Generator], Texts]] = {
    "side": _side,
    "quantity": _quantity,
    "count": _number,
    "comparison": _comparison,
}
