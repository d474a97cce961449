"""A decoder with workers, and pictures that are fast or slow to decode."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from engine.clock import SystemClock
from loadtests.siege.attackers import pictures as bombs
from pictures.headers import read_header
from server.pictures import decoder as decoder_module
from server.pictures.decoder import Decoder
from tests.server.kit import sample_pictures

LIMIT = 40_000_000
SIDE_PX = 64
CLOCK = SystemClock()
ROOT = Path(__file__).parents[3]
SMALL = sample_pictures.noisy("JPEG", (320, 240))
SLOW = bombs.jpeg_scans(4096, 4096, 90)
"""More than a second of work: its header is within every limit."""


@asynccontextmanager
async def decoding(workers: int = 2, **changes: Any) -> AsyncIterator[Decoder]:
    decoder = Decoder(workers, LIMIT, CLOCK, **changes)
    decoder.start()
    try:
        yield decoder
    finally:
        decoder.close()
        assert decoder.predict_s(read_header(SMALL, LIMIT)) < 60


def decode(
    decoder: Decoder, data: bytes, expires_s: float = math.inf
) -> Awaitable[decoder_module.Decoded]:
    return decoder.decode(data, read_header(data, LIMIT), SIDE_PX, expires_s)


async def a_small_one(decoder: Decoder) -> float:
    """Decode a small picture; return how long it took."""
    started_s = CLOCK.now_s()
    assert (await decode(decoder, SMALL)).pixels.shape == (SIDE_PX, SIDE_PX, 3)
    return CLOCK.now_s() - started_s


async def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.01)


def busy(decoder: Decoder) -> int:
    return len(decoder._busy)
