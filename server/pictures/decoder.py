"""Decoding off the event loop, in a bounded set of threads, with a learned time per megapixel."""

from __future__ import annotations

import asyncio
import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artifact.preprocess import to_pixels
from engine.clock import Clock
from server.pictures.images import ACCEPTED_FORMATS, PictureHeader, decode_rgb, read_header

_FIXED_S = 0.0005
_FIRST_GUESS_S_PER_MEGAPIXEL = 0.03
_LEARNING_RATE = 0.2
_SAMPLE_PX = (480, 360)
_RESTED_S = 1.0


@dataclass(frozen=True)
class Decoded:
    """A decoded picture: pixels uint8 [S, S, 3], and the seconds each half took."""

    pixels: NDArray[np.uint8]
    decode_s: float
    preprocess_s: float


class DecodeTime:
    """Predicts decode + preprocess seconds from a header's pixel count, learning as it goes.

    A fixed cost plus seconds per megapixel; one rate per format, since formats differ several
    times. A tiny picture says little about the rate, so it moves it little.
    """

    def __init__(self) -> None:
        self._rates: dict[str, float] = {}
        self._first: dict[str, float] = {}

    def predict_s(self, header: PictureHeader, *, rested: bool = False) -> float:
        """Return the predicted seconds for one picture.

        `rested`: nothing was decoded lately, so a rate learned under load counts no more than the
        first one, which was measured before any.
        """
        rate = self._rates.get(header.format, _FIRST_GUESS_S_PER_MEGAPIXEL)
        if rested:
            rate = min(rate, self._first.get(header.format, rate))
        return _FIXED_S + rate * header.megapixels

    def learn(self, header: PictureHeader, took_s: float) -> None:
        """Take in one measurement; a format's first one counts in full."""
        observed = max(0.0, took_s - _FIXED_S) / header.megapixels
        self._first.setdefault(header.format, observed)
        rate = self._rates.get(header.format, observed)
        weight = _LEARNING_RATE * header.megapixels**2 / (header.megapixels**2 + 0.01)
        self._rates[header.format] = rate + weight * (observed - rate)


class Decoder:
    """Decodes in its own threads. Its methods are called from the event loop only."""

    def __init__(self, threads: int, max_pixels: int, clock: Clock) -> None:
        self._threads = threads
        self._max_pixels = max_pixels
        self._clock = clock
        self._time = DecodeTime()
        self._backlog_s = 0.0
        self._learned_s = -math.inf
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def predict_s(self, *headers: PictureHeader) -> float:
        """Return the predicted seconds until these pictures would be decoded, backlog included."""
        rested = self._clock.now_s() - self._learned_s > _RESTED_S
        each_s = [self._time.predict_s(header, rested=rested) for header in headers]
        return self._backlog_s / self._threads + max(max(each_s), sum(each_s) / self._threads)

    def calibrate(self, side_px: int = 224) -> None:
        """Measure every format once on a drawn picture; blocking, before the first request.

        Otherwise requests that a wrong first guess refuses would keep it from being corrected.
        """
        for kind in ACCEPTED_FORMATS:
            picture = _sample(kind)
            header = read_header(picture, self._max_pixels)
            decoded = self._decode(picture, side_px)
            self._time.learn(header, decoded.decode_s + decoded.preprocess_s)

    async def decode(self, picture: bytes, header: PictureHeader, side_px: int) -> Decoded:
        """Decode and resize one picture.

        Raises:
            ImageError: the data is not what the header promised.
        """
        expected_s = self._time.predict_s(header)
        self._backlog_s += expected_s
        try:
            loop = asyncio.get_running_loop()
            decoded = await loop.run_in_executor(self._executor, self._decode, picture, side_px)
        finally:
            self._backlog_s = max(0.0, self._backlog_s - expected_s)
        self._time.learn(header, decoded.decode_s + decoded.preprocess_s)
        self._learned_s = self._clock.now_s()
        return decoded

    def close(self) -> None:
        """Stop the threads; what has not started is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _decode(self, picture: bytes, side_px: int) -> Decoded:
        started_s = self._clock.now_s()
        image = decode_rgb(picture, self._max_pixels)
        decoded_s = self._clock.now_s()
        pixels = to_pixels(image, side_px)
        return Decoded(pixels, decoded_s - started_s, self._clock.now_s() - decoded_s)


def _sample(kind: str) -> bytes:
    """Return an encoded picture with smooth areas and some grain, as photographs have."""
    width, height = _SAMPLE_PX
    grain = np.random.default_rng(0).integers(0, 16, (height, width, 3))
    slope = np.linspace(0, 230, width)[None, :, None]
    buffer = io.BytesIO()
    Image.fromarray((slope + grain).astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()
