"""Requests to an engine that has adapters, and what their answers should be."""

from __future__ import annotations

from concurrent.futures import Future

import numpy as np
from numpy.typing import NDArray

from engine.requests.request import Request
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from tests.engine.pools.watched_engine import WatchedEngine

QUESTION = "what color is the circle ?"


def picture(seed: int, side: int = 64) -> NDArray[np.uint8]:
    """Return a drawn picture."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def ask(
    watched: WatchedEngine, seed: int, adapter: str | None, variant: str | None = None
) -> tuple[Request, Future[Answer]]:
    """Ask the same question about another picture, with an adapter and a variant or without."""
    now = watched.clock.time_s
    request = watched.pool.admit("vqa", Budget(variant=variant), now, adapter=adapter)
    return request, watched.pool.submit(request, VqaInput(picture(seed), QUESTION, top_k=3))
