"""Scenes: up to five coloured shapes on a 4 x 4 board, drawn from a seeded generator.

Positions and radii are in units of the picture's side, so a scene has no resolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

Color = Literal["red", "green", "blue", "yellow", "purple", "orange"]
Shape = Literal["circle", "square", "triangle", "cross"]
Size = Literal["small", "large"]
Rgb = tuple[int, int, int]

COLORS: tuple[Color, ...] = ("red", "green", "blue", "yellow", "purple", "orange")
SHAPES: tuple[Shape, ...] = ("circle", "square", "triangle", "cross")
SIZES: tuple[Size, ...] = ("small", "large")

BOARD_CELLS = 4
MAX_OBJECTS = 5

_RGB: Mapping[Color, Rgb] = {
    "red": (208, 34, 40),
    "green": (38, 156, 62),
    "blue": (36, 84, 216),
    "yellow": (244, 220, 44),
    "purple": (150, 56, 190),
    "orange": (246, 132, 22),
}
_RGB_JITTER = 9
_RADIUS: Mapping[Size, tuple[float, float]] = {"small": (0.076, 0.084), "large": (0.106, 0.118)}
_CELL = 1 / BOARD_CELLS
_MARGIN = 0.006  # kept free inside each cell, so that neighbours never touch
_PLAY = 0.012  # an object's centre moves at most this far from its cell's

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class SceneObject:
    """One shape: its three named attributes, its board cell and how exactly it is drawn.

    `row` and `column` count cells from the top left. `center_x`, `center_y` and `radius` are in
    units of the picture's side.
    """

    size: Size
    color: Color
    shape: Shape
    row: int
    column: int
    center_x: float
    center_y: float
    radius: float
    rgb: Rgb


@dataclass(frozen=True)
class Scene:
    """One to five objects in reading order (row, then column), and the seed of the ground."""

    objects: tuple[SceneObject, ...]
    ground_seed: int


def pick(rng: np.random.Generator, items: Sequence[_Item]) -> _Item:
    """Return one item, each equally likely. Much cheaper than `Generator.choice`."""
    return items[int(rng.integers(len(items)))]


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene: 1 to 5 objects in distinct cells, no two alike in size, color and shape."""
    count = int(rng.integers(1, MAX_OBJECTS + 1))
    cells = rng.permutation(BOARD_CELLS * BOARD_CELLS)[:count]
    kinds: list[tuple[Size, Color, Shape]] = []
    while len(kinds) < count:
        kind = (pick(rng, SIZES), pick(rng, COLORS), pick(rng, SHAPES))
        if kind not in kinds:
            kinds.append(kind)
    objects = tuple(
        _place(rng, kind, int(cell)) for kind, cell in zip(kinds, sorted(cells), strict=True)
    )
    return Scene(objects=objects, ground_seed=int(rng.integers(2**32)))


def _place(rng: np.random.Generator, kind: tuple[Size, Color, Shape], cell: int) -> SceneObject:
    """Put one object near the middle of its cell."""
    size, color, shape = kind
    row, column = divmod(cell, BOARD_CELLS)
    radius = float(rng.uniform(*_RADIUS[size]))
    play = min(_PLAY, _CELL / 2 - _MARGIN - radius)
    dx, dy = rng.uniform(-play, play, size=2).tolist()
    red, green, blue = rng.integers(-_RGB_JITTER, _RGB_JITTER + 1, size=3).tolist()
    base = _RGB[color]
    return SceneObject(
        size=size,
        color=color,
        shape=shape,
        row=row,
        column=column,
        center_x=(column + 0.5) * _CELL + dx,
        center_y=(row + 0.5) * _CELL + dy,
        radius=radius,
        rgb=(base[0] + red, base[1] + green, base[2] + blue),
    )
