"""Questions about a scene, with their answers.

Answers are drawn evenly where they can be (yes or no, counts), so that a question's text alone
says little about its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from tuning.world import wording
from tuning.world.errors import WorldError
from tuning.world.scene import BOARD_CELLS, COLORS, SHAPES, SIZES, Scene, SceneObject, pick

Kind = Literal["attribute", "existence", "counting", "position", "relation"]
"""What is asked of: one object's attribute, whether one is there, how many there are, where one is,
whether one is on a side of another."""

Attribute = Literal["size", "color", "shape"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
_VALUES: Mapping[Attribute, tuple[str, ...]] = {"size": SIZES, "color": COLORS, "shape": SHAPES}
_SUBSETS = tuple(subset for size in range(4) for subset in combinations(_ATTRIBUTES, size))
_TARGET_SHARES = (0.20, 0.45, 0.35)  # of the attribute questions: size, color, shape
_WHERE_SHARE = 0.4  # of the questions about places: positions; the others are relations
_COUNT_WEIGHTS = (0.5, 1.0, 1.5, 2.0, 2.0, 2.0)  # by answer; low counts suit more questions
_EXISTENCE_FORMS: tuple[tuple[Attribute, ...], ...] = (
    ("color", "shape"),
    ("color", "shape"),
    ("size", "shape"),
    ("size", "color", "shape"),
)
_MAX_DRAWS = 50


@dataclass(frozen=True)
class QuestionAnswer:
    """One question (lower case, ends in `?`), its only right answer, and the question's kind."""

    question: str
    answer: str
    kind: Kind


def ask(scene: Scene, rng: np.random.Generator, count: int) -> list[QuestionAnswer]:
    """Draw `count` different questions about `scene`.

    Raises:
        WorldError: no further different question was found.
    """
    asked: dict[str, QuestionAnswer] = {}
    while len(asked) < count:
        new = _draw_new(scene, rng, asked)
        if new is None:
            problem = f"only {len(asked)} different questions found about one picture, not {count}"
            raise WorldError(problem, "ask for fewer questions per picture")
        asked[new.question] = new
    return list(asked.values())


def _draw_new(
    scene: Scene, rng: np.random.Generator, asked: Mapping[str, QuestionAnswer]
) -> QuestionAnswer | None:
    """Draw a question that is not in `asked`; a way that finds none gives way to another."""
    first = _weighted(rng, [share for _, share in _WAYS])
    ways = [draw for draw, _ in _WAYS]
    for draw in (ways[first], *ways[:first], *ways[first + 1 :]):
        for _ in range(_MAX_DRAWS):
            drawn = draw(scene, rng)
            if drawn.question not in asked:
                return drawn
    return None


def _attribute(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask for one attribute of an object that the others single out."""
    target = _ATTRIBUTES[_weighted(rng, _TARGET_SHARES)]
    for place in rng.permutation(len(scene.objects)):
        item = scene.objects[place]
        names = _names(scene, item, without=target)
        if names:
            template = pick(rng, wording.ATTRIBUTE[target])
            question = template.format(pick(rng, names))
            return QuestionAnswer(question, getattr(item, target), "attribute")
    return _attribute(scene, rng)  # with so few objects, some attribute can be asked for


def _existence(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask for a thing that is there, or for one as close to the picture as possible."""
    form = pick(rng, _EXISTENCE_FORMS)
    present = {_values(item, form) for item in scene.objects}
    answer = pick(rng, ("yes", "no"))
    values = pick(rng, sorted(present)) if answer == "yes" else _near_miss(present, form, rng)
    thing = wording.with_article(_noun(dict(zip(form, values, strict=True))))
    return QuestionAnswer(pick(rng, wording.EXISTENCE).format(thing), answer, "existence")


def _near_miss(
    present: set[tuple[str, ...]], form: tuple[Attribute, ...], rng: np.random.Generator
) -> tuple[str, ...]:
    """Return absent values: each occurs in the picture if possible, else all but one do."""
    seen = {values[place] for values in present for place in range(len(form))}
    near = {
        (*values[:place], other, *values[place + 1 :])
        for values in present
        for place, attribute in enumerate(form)
        for other in _VALUES[attribute]
    } - present
    mixed = [values for values in near if seen.issuperset(values)]
    return pick(rng, sorted(mixed or near))


def _counting(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask how many objects fit; the answer is drawn first, then a question that has it."""
    by_count: dict[int, list[str]] = {len(scene.objects): [wording.PLURAL["object"]]}
    for form in _SUBSETS[1:]:
        if form == ("size", "color", "shape"):
            continue
        for values in _combinations_of(form):
            count = sum(_values(item, form) == values for item in scene.objects)
            named = dict(zip(form, values, strict=True))
            by_count.setdefault(count, []).append(_noun(named, plural=True))
    counts = sorted(by_count)
    count = counts[_weighted(rng, [_COUNT_WEIGHTS[each] for each in counts])]
    question = pick(rng, wording.COUNTING).format(pick(rng, by_count[count]))
    return QuestionAnswer(question, str(count), "counting")


def _place(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask where an object is: on the board, or seen from another one."""
    if len(scene.objects) == 1 or rng.random() < _WHERE_SHARE:
        return _position(scene, rng)
    return _relation(scene, rng)


def _position(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask for the quarter of the board that an object is in."""
    item = pick(rng, scene.objects)
    template = pick(rng, wording.WHERE)
    return QuestionAnswer(
        template.format(pick(rng, _names(scene, item))), _quadrant(item), "position"
    )


def _relation(scene: Scene, rng: np.random.Generator) -> QuestionAnswer:
    """Ask whether an object is on a side of another one."""
    first, second = (scene.objects[place] for place in rng.permutation(len(scene.objects))[:2])
    answer = pick(rng, ("yes", "no"))
    near, far = (first, second) if answer == "yes" else (second, first)
    sides = []  # where `near` truly is, seen from `far`
    if near.column != far.column:
        sides.append("left of" if near.column < far.column else "right of")
    if near.row != far.row:
        sides.append("above" if near.row < far.row else "below")
    names = pick(rng, _names(scene, first)), pick(rng, _names(scene, second))
    question = pick(rng, wording.RELATION).format(names[0], pick(rng, sides), names[1])
    return QuestionAnswer(question, answer, "relation")


def _quadrant(item: SceneObject) -> str:
    """Return the quarter of the board that holds the object."""
    half = BOARD_CELLS // 2
    return f"{'top' if item.row < half else 'bottom'} {'left' if item.column < half else 'right'}"


def _names(scene: Scene, item: SceneObject, without: Attribute | None = None) -> list[str]:
    """Return every noun that fits `item` and no other object, silent about one attribute.

    Without that silence there is always one, as no two objects of a scene are alike.
    """
    names = []
    for form in _SUBSETS:
        if without in form:
            continue
        values = _values(item, form)
        if sum(_values(other, form) == values for other in scene.objects) == 1:
            names.append(_noun(dict(zip(form, values, strict=True))))
    return names


def _values(item: SceneObject, form: tuple[Attribute, ...]) -> tuple[str, ...]:
    """Return the object's values of the attributes in `form`."""
    return tuple(getattr(item, attribute) for attribute in form)


def _combinations_of(form: tuple[Attribute, ...]) -> list[tuple[str, ...]]:
    """Return every choice of values for one or two attributes."""
    if len(form) == 1:
        return [(value,) for value in _VALUES[form[0]]]
    return [(first, second) for first in _VALUES[form[0]] for second in _VALUES[form[1]]]


def _noun(values: Mapping[Attribute, str], *, plural: bool = False) -> str:
    """Return `small red circle` for as many of the attributes as are given."""
    head = values.get("shape", "object")
    front = [values[attribute] for attribute in ("size", "color") if attribute in values]
    return " ".join([*front, wording.PLURAL[head] if plural else head])


def _weighted(rng: np.random.Generator, weights: Sequence[float]) -> int:
    """Return an index, drawn in proportion to the weights."""
    point = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        point -= weight
        if point < 0:
            return index
    return len(weights) - 1


_WAYS: tuple[tuple[Callable[[Scene, np.random.Generator], QuestionAnswer], float], ...] = (
    (_attribute, 0.45),
    (_existence, 0.15),
    (_counting, 0.20),
    (_place, 0.20),
)
"""Ways to draw a question, and how often each is taken first."""
