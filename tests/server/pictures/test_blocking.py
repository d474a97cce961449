"""Decoding without an event loop: what a view shows, and what a bad picture leaves."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from artifact.preprocess import to_pixels
from pictures import limits
from pictures.blocking import BlockingDecoder
from pictures.errors import ImageError, ImageTooComplex, ImageTooManyPixels
from pictures.images import decode_rgb
from pictures.view import View
from tests.server.kit.sample_pictures import encoded

SIDE_PX = 32


def photograph(width: int = 640, height: int = 480, orientation: int | None = None) -> bytes:
    """Smooth, so that decoding at a half hardly differs."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    buffer = io.BytesIO()
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    pixels = np.stack([x, y, 255 - x], 2).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def decoder() -> Iterator[BlockingDecoder]:
    with BlockingDecoder() as made:
        yield made


def test_a_whole_view_is_what_a_server_sees(decoder: BlockingDecoder) -> None:
    wanted = to_pixels(decode_rgb(photograph(), 10**6), SIDE_PX)
    assert np.array_equal(decoder.decode(photograph(), SIDE_PX), wanted)


@pytest.mark.parametrize("orientation", [None, 6])
def test_a_reduced_view_shows_the_same(decoder: BlockingDecoder, orientation: int | None) -> None:
    picture = photograph(orientation=orientation)
    view = View(0.25, 0.5, 0.75, 1.0)
    exact = decoder.decode(picture, SIDE_PX, lambda header: view).astype(int)
    quick = View(0.25, 0.5, 0.75, 1.0, reduced=True)
    reduced = decoder.decode(picture, SIDE_PX, lambda header: quick)
    assert np.abs(exact - reduced).max() <= 6
    upright = np.asarray(decode_rgb(picture, 10**6))
    height, width = upright.shape[:2]
    corner = upright[height // 2 : height // 2 + 8, width // 4 : width // 4 + 8].mean((0, 1))
    assert np.abs(exact[0, 0] - corner).max() < 12


def test_reduced_is_decoded_smaller_but_never_too_small() -> None:
    assert decode_rgb(photograph(), 10**6, View(reduced=True).least_px(224)).size == (320, 240)
    half = View(0, 0, 0.5, 0.5, reduced=True)
    assert decode_rgb(photograph(), 10**6, half.least_px(224)).size == (640, 480)
    assert View().least_px(224) is None
    assert View(reduced=True).least_px(SIDE_PX) == SIDE_PX


@pytest.mark.parametrize("edges", [(0, 0, 0, 1), (0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.1)])
def test_a_part_that_is_none_is_refused(edges: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match="no part of a picture"):
        View(*edges)


@pytest.mark.parametrize("data", [b"", b"no picture", photograph()[:2000]])
def test_a_bad_picture_is_said_and_the_next_is_decoded(
    decoder: BlockingDecoder, data: bytes
) -> None:
    with pytest.raises(ImageError):
        decoder.decode(data, SIDE_PX)
    assert decoder.decode(photograph(64, 48), SIDE_PX).shape == (SIDE_PX, SIDE_PX, 3)


def test_a_worker_that_someone_ended_is_no_pictures_fault() -> None:
    with BlockingDecoder() as decoder:
        decoder.decode(photograph(64, 48), SIDE_PX)
        assert decoder._worker is not None
        os.kill(decoder._worker.pid, signal.SIGKILL)
        while decoder._worker.alive:
            pass
        decoder.decode(photograph(64, 48), SIDE_PX)


def test_a_picture_that_takes_too_long_costs_its_worker_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = encoded(Image.new("RGB", (2000, 2000)), "TIFF", compression="tiff_lzw")
    with BlockingDecoder(9_000_000) as decoder:
        decoder.decode(photograph(64, 48), SIDE_PX)
        monkeypatch.setattr(limits, "_CPU_FIXED_S", 0.01)
        monkeypatch.setattr(limits, "_CPU_S_PER_MEGAPIXEL", 0.0)
        with pytest.raises(ImageTooComplex, match="takes too long"):
            decoder.decode(slow, SIDE_PX)
        monkeypatch.undo()
        decoder.decode(photograph(64, 48), SIDE_PX)
        with pytest.raises(ImageTooManyPixels):
            decoder.decode(encoded(Image.new("RGB", (4000, 3000))), SIDE_PX)
