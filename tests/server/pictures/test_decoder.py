"""The decode time is learned per format, from sizes that say something about it."""

from __future__ import annotations

import asyncio

import pytest

from engine.clock import SystemClock
from pictures.errors import ImageUnreadable
from pictures.headers import read_header
from pictures.picture import ACCEPTED_FORMATS, PictureHeader
from server.pictures.decode_time import DecodeBacklog, DecodeTime
from server.pictures.decoder import Decoder
from tests.server.kit import sample_pictures

LARGE = PictureHeader("JPEG", 4000, 3000)


def test_prediction_approaches_what_is_observed() -> None:
    time = DecodeTime()
    time.learn(LARGE, 1.0)
    for _ in range(50):
        time.learn(LARGE, 0.12)
    assert time.predict_s(LARGE) == pytest.approx(0.12, rel=0.05)
    half = PictureHeader("JPEG", 2000, 3000)
    assert time.predict_s(half) == pytest.approx(0.06, rel=0.05)


def test_what_was_learned_under_load_counts_no_more_after_a_rest() -> None:
    time = DecodeTime()
    time.learn(LARGE, 0.1)
    for _ in range(50):
        time.learn(LARGE, 2.0)
    assert time.predict_s(LARGE) > 1.0
    assert time.predict_s(LARGE, rested=True) == pytest.approx(0.1, rel=0.05)


def test_a_rest_makes_no_format_slower() -> None:
    time = DecodeTime()
    time.learn(LARGE, 2.0)
    for _ in range(50):
        time.learn(LARGE, 0.1)
    assert time.predict_s(LARGE, rested=True) == time.predict_s(LARGE)


def test_a_tiny_picture_hardly_moves_the_rate() -> None:
    time = DecodeTime()
    time.learn(LARGE, 0.12)
    before = time.predict_s(LARGE)
    time.learn(PictureHeader("JPEG", 32, 32), 0.002)
    assert time.predict_s(LARGE) == pytest.approx(before, rel=0.1)


def test_formats_are_learned_apart() -> None:
    time = DecodeTime()
    other = PictureHeader("PNG", 4000, 3000)
    before = time.predict_s(other)
    time.learn(LARGE, 5.0)
    assert time.predict_s(other) == before


def test_calibration_measures_every_format() -> None:
    decoder = Decoder(1, 10**6, SystemClock())
    headers = [PictureHeader(kind, 1000, 1000) for kind in ACCEPTED_FORMATS]
    before = [decoder.predict_s(header) for header in headers]
    decoder.calibrate(side_px=32)
    after = [decoder.predict_s(header) for header in headers]
    assert all(new != old for new, old in zip(after, before, strict=True))
    decoder.close()


@pytest.mark.parametrize(("threads", "share"), [(1, 1.5), (2, 1.0), (4, 1.0)])
def test_pictures_of_one_request_are_decoded_side_by_side(threads: int, share: float) -> None:
    decoder = Decoder(threads, 10**8, SystemClock())
    half = PictureHeader("JPEG", 2000, 3000)
    alone_s, half_s = decoder.predict_s(LARGE), decoder.predict_s(half)
    assert half_s == pytest.approx(alone_s / 2, rel=0.01)
    for pair in ((LARGE, half), (half, LARGE)):
        assert decoder.predict_s(*pair) == pytest.approx(share * alone_s, rel=0.01)
    decoder.close()


def test_waiting_pictures_count_until_they_are_done() -> None:
    async def scenario() -> None:
        decoder = Decoder(1, 10**6, SystemClock())
        data = sample_pictures.noisy("PNG", (300, 200))
        header = read_header(data, 10**6)
        alone_s = decoder.predict_s(header)
        tasks = [asyncio.create_task(decoder.decode(data, header, 16)) for _ in range(4)]
        await asyncio.sleep(0)
        assert decoder.predict_s(header) == pytest.approx(5 * alone_s)
        decoded = await asyncio.gather(*tasks)
        assert {item.pixels.shape for item in decoded} == {(16, 16, 3)}
        broken = data[: len(data) // 2]
        with pytest.raises(ImageUnreadable):
            await decoder.decode(broken, header, 16)
        learned_s = decoder.predict_s(header)
        assert learned_s == decoder.predict_s(header) > 0
        decoder.close()

    asyncio.run(scenario())


def test_pictures_that_end_while_they_wait_count_no_more() -> None:
    async def scenario() -> None:
        clock = SystemClock()
        decoder = Decoder(1, 40_000_000, clock)
        data = sample_pictures.noisy("PNG", (400, 300))
        header = read_header(data, 40_000_000)
        first = asyncio.create_task(decoder.decode(data, header, 16))
        await asyncio.sleep(0)
        behind_one_s = decoder.predict_s(header)
        cancelled = asyncio.create_task(decoder.decode(data, header, 16))
        await asyncio.sleep(0)
        assert decoder.predict_s(header) == pytest.approx(1.5 * behind_one_s)
        cancelled.cancel()
        with pytest.raises(TimeoutError):
            await decoder.decode(data, header, 16, clock.now_s())
        assert cancelled.cancelled()
        assert decoder.predict_s(header) == pytest.approx(behind_one_s)
        await first
        await asyncio.sleep(0)
        assert decoder._backlog.wait_s(large=True) == 0
        decoder.close()

    asyncio.run(scenario())


def test_a_request_with_one_large_picture_waits_behind_large_ones() -> None:
    small, large = PictureHeader("PNG", 40, 30), PictureHeader("JPEG", 6000, 4000)
    decoder = Decoder(2, 40_000_000, SystemClock())
    alone_s = decoder.predict_s(small), decoder.predict_s(small, large)
    decoder._backlog.add(True, 3.0)
    assert decoder.predict_s(small) == pytest.approx(alone_s[0])
    assert decoder.predict_s(small, large) == pytest.approx(alone_s[1] + 3.0)


@pytest.mark.parametrize(
    ("workers", "small_s", "large_s"), [(1, 8.0, 8.0), (2, 1.0, 7.0), (4, 0.5, 2.5)]
)
def test_small_pictures_do_not_wait_for_large_ones(
    workers: int, small_s: float, large_s: float
) -> None:
    backlog = DecodeBacklog(workers)
    backlog.add(True, 6.0)
    backlog.add(False, 2.0)
    assert backlog.wait_s(large=False) == pytest.approx(small_s)
    assert backlog.wait_s(large=True) == pytest.approx(large_s)
    backlog.take(True, 6.0)
    backlog.take(False, 2.0)
    assert backlog.wait_s(large=True) == 0
