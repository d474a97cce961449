"""What is offered: seeded, and the same for every side."""

from __future__ import annotations

import base64
import io
import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from loadtests.simulate.arrivals import gamma_arrivals
from loadtests.slo.client import Send

FACTORS = (2, 4, 8)
"""Deadline classes: a deadline over the full variant's solo time, in equal shares."""

QUESTIONS = (
    "what color is the circle?",
    "how many squares are there?",
    "is there a small red triangle in the picture?",
    "what is left of the large blue circle?",
)
_PICTURES = 16
_SIZE_PX = (320, 240)
_JPEG_QUALITY = 90


@dataclass(frozen=True)
class Cell:
    """One offered load, over the full variant's capacity, and how bursty it is (gamma CV²)."""

    load: float
    cv2: float

    @property
    def name(self) -> str:
        """A short label."""
        return f"{self.load:g}x, CV² {self.cv2:g}"


@dataclass(frozen=True)
class PlannedRequest:
    """One request: its time in seconds from the start, its deadline class, its picture."""

    at_s: float
    factor: int
    picture: int

    @property
    def send(self) -> Send:
        """The client's order, where bodies come from `bodies`."""
        return Send(self.at_s, self.picture * len(FACTORS) + FACTORS.index(self.factor))


@dataclass(frozen=True)
class CellLength:
    """How long a cell is: `warm_s` that do not count, then its least seconds and requests.

    The warm part is several times the longest deadline: what an empty queue flattered is over.
    """

    warm_s: float = 4.0
    least_s: float = 20.0
    least_requests: int = 200

    def expected_s(self, cell: Cell, capacity_hz: float) -> float:
        """Return how long a cell lasts on the average, the warm part too."""
        rate_hz = cell.load * capacity_hz
        return self.warm_s + max(self.least_s, self.least_requests / rate_hz)


@dataclass(frozen=True)
class PlannedCell:
    """The requests of a cell; those from `warm_s` on count, over `seconds`."""

    requests: tuple[PlannedRequest, ...]
    warm_s: float
    seconds: float


def plan_cell(cell: Cell, capacity_hz: float, length: CellLength, seed: int) -> PlannedCell:
    """Return the planned requests of a cell: classes are dealt evenly among those that count.

    It ends where the next request would come, so its own load is that of its arrivals.
    """
    times_s, first = _arrivals(cell, capacity_hz, length, seed)
    rng = np.random.default_rng([seed, len(times_s)])
    dealt = [rng.permutation(np.resize(FACTORS, n)) for n in (first, len(times_s) - 1 - first)]
    pictures = rng.integers(_PICTURES, size=len(times_s))
    requests = tuple(
        PlannedRequest(at_s, int(factor), int(picture))
        for at_s, factor, picture in zip(times_s, np.concatenate(dealt), pictures, strict=False)
    )
    return PlannedCell(requests, length.warm_s, times_s[-1] - length.warm_s)


def _arrivals(
    cell: Cell, capacity_hz: float, length: CellLength, seed: int
) -> tuple[list[float], int]:
    """Return arrivals up to the first after the cell's end, and the number of the first counted."""
    horizon_s = 2 * length.expected_s(cell, capacity_hz)
    while True:
        times_s = gamma_arrivals(cell.load * capacity_hz, horizon_s, cell.cv2, seed)
        first = bisect_left(times_s, length.warm_s)
        after = max(first + length.least_requests, bisect_left(times_s, _least_end_s(length)))
        if after < len(times_s):
            return times_s[: after + 1], first
        horizon_s *= 2


def _least_end_s(length: CellLength) -> float:
    return length.warm_s + length.least_s


def draw(cell: Cell, capacity_hz: float, seconds: float, seed: int) -> list[PlannedRequest]:
    """Return the planned requests of a cell; classes are dealt evenly, pictures at random."""
    times_s = gamma_arrivals(cell.load * capacity_hz, seconds, cell.cv2, seed)
    rng = np.random.default_rng([seed, len(times_s)])
    factors = rng.permutation(np.resize(FACTORS, len(times_s)))
    pictures = rng.integers(_PICTURES, size=len(times_s))
    return [
        PlannedRequest(at_s, int(factor), int(picture))
        for at_s, factor, picture in zip(times_s, factors, pictures, strict=True)
    ]


def bodies(budgets: Sequence[dict[str, object]], seed: int) -> list[str]:
    """Return the JSON of every picture with every budget, budgets varying fastest.

    A rival is sent the same bytes and reads no budget.
    """
    rng = np.random.default_rng(seed)
    found = []
    for number in range(_PICTURES):
        image = base64.b64encode(_jpeg(rng)).decode()
        question = QUESTIONS[number % len(QUESTIONS)]
        found += [
            json.dumps({"image": image, "question": question, "budget": budget})
            for budget in budgets
        ]
    return found


def class_budgets(solo_s: float) -> list[dict[str, object]]:
    """Return the budget of each deadline class, in the order of `FACTORS`."""
    return [
        {"max_latency_ms": round(factor * solo_s * 1e3, 3), "on_miss": "reject"}
        for factor in FACTORS
    ]


def _jpeg(rng: np.random.Generator) -> bytes:
    """Return smooth colours as a JPEG that is not of the model's size: it must be resized."""
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    buffer = io.BytesIO()
    image = small.resize(_SIZE_PX, Image.Resampling.BICUBIC)
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
