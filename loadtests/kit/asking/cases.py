"""What is sent: cases from a generated world, or on simple pictures drawn here."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from loadtests.kit.asking.tasks import ASKED
from loadtests.kit.asking.tasks.asked import SendableCase
from loadtests.kit.asking.world import World

Cases = Mapping[str, Sequence[SendableCase]]
"""By task."""

_COLORS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 220)}
_SIDE_PX = 96
_DRAWN = 64


def load_cases(folder: Path | None, limit: int = 2000) -> Cases:
    """Read a world written by `otmv world`, or draw simple pictures when there is none."""
    if folder is None:
        pictures = _drawn_pictures()
        return {name: tuple(asked.draw(pictures)) for name, asked in ASKED.items()}
    world = World(folder)
    return {name: tuple(asked.read(world, limit)) for name, asked in ASKED.items()}


def _drawn_pictures() -> list[bytes]:
    rng = random.Random(0)
    pictures = []
    for _ in range(_DRAWN):
        color = rng.choice(sorted(_COLORS))
        image = Image.new("RGB", (_SIDE_PX, _SIDE_PX), (200, 200, 200))
        x, y = rng.randrange(10, 50), rng.randrange(10, 50)
        ImageDraw.Draw(image).ellipse((x, y, x + 32, y + 32), fill=_COLORS[color])
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        pictures.append(buffer.getvalue())
    return pictures
