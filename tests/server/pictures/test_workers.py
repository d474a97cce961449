"""Decoding in workers: the same pixels, and an end to whatever a picture does to its worker."""

from __future__ import annotations

import asyncio
import io
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from artifact.preprocess import to_pixels
from engine.clock import SystemClock
from loadtests.siege.attackers import pictures as bombs
from pictures import limits, rgb
from pictures.errors import DecodeWorkerDied, ImageTooComplex, ImageUnreadable
from pictures.headers import read_header
from pictures.images import decode_rgb
from server.pictures import decoder as decoder_module
from server.pictures.decoder import Decoder
from tests.server.kit import sample_pictures
from tests.server.kit.ready_client import ManualClock
from tests.server.kit.sample_pictures import encoded

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


def whole_to_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture in one piece, as this server did before it decoded in workers."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}:
        samples = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=65535.0, neginf=0.0)
        peak = float(samples.max(initial=0.0))
        if image.mode == "F" and peak <= 1.0:
            samples = samples * 255.0
        elif image.mode.startswith("I;16") or peak > 255.0:
            samples = samples / 257.0
        image = Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8), "L")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image.convert("RGB")


def pictures() -> dict[str, bytes]:
    """Return pictures of every mode."""
    rng = np.random.default_rng(3)
    size = (110, 121)
    rgba = Image.fromarray(rng.integers(0, 256, (*size, 4), np.uint8))
    rgb, gray = rgba.convert("RGB"), rgba.convert("L")
    deep = Image.fromarray(rng.integers(0, 65536, size, np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = rgb.quantize(64)
    return {
        **{fmt: encoded(rgb, fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")},
        "progressive": encoded(rgb, "JPEG", progressive=True),
        "turned": encoded(rgb, "JPEG", exif=exif),
        "cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "gray": encoded(gray),
        "transparent": encoded(rgba),
        "transparent webp": encoded(rgba, "WEBP", lossless=True),
        "gray and transparent": encoded(rgba.convert("LA")),
        "palette": encoded(palette),
        "transparent palette": encoded(palette, transparency=bytes(range(0, 128, 2))),
        "one transparent colour": encoded(rgb, transparency=rgb.getpixel((0, 0))),
        "16 bits": encoded(deep),
        "16 bits with a transparent gray": encoded(deep, transparency=7),
        "32 bits": encoded(deep.convert("I"), "TIFF"),
        "floats": encoded(Image.fromarray(rng.random(size, np.float32)), "TIFF"),
        "large floats": encoded(Image.fromarray(rng.random(size, np.float32) * 999), "TIFF"),
        "one bit": encoded(gray.convert("1")),
    }


def test_pixels_are_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rgb, "_BAND_PIXELS", 2000)

    async def scenario() -> None:
        async with decoding() as decoder:
            for name, data in pictures().items():
                with Image.open(io.BytesIO(data)) as image:
                    wanted = whole_to_rgb(ImageOps.exif_transpose(image))
                assert wanted.tobytes() == decode_rgb(data, LIMIT).tobytes(), name
                found = (await decode(decoder, data)).pixels
                assert found.tobytes() == to_pixels(wanted, SIDE_PX).tobytes(), name

    asyncio.run(scenario())


def test_a_picture_that_takes_too_long_is_stopped_while_others_are_answered() -> None:
    async def scenario() -> None:
        async with decoding(timeout_s=0.3) as decoder:
            await a_small_one(decoder)
            first = decoder.worker_pids
            started_s = CLOCK.now_s()
            slow = [asyncio.ensure_future(decode(decoder, SLOW)) for _ in range(2)]
            await until(lambda: busy(decoder) > 0)
            assert busy(decoder) == 1  # the other one waits: large pictures leave a worker free
            assert await a_small_one(decoder) < 0.25
            for each in slow:
                with pytest.raises(ImageTooComplex, match="too long"):
                    await each
            assert CLOCK.now_s() - started_s < 5
            assert len(decoder.worker_pids) == 2
            assert set(first) != set(decoder.worker_pids)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_processor_time_is_limited_by_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_CPU_FIXED_S", 0.05)
    monkeypatch.setattr(limits, "_CPU_S_PER_MEGAPIXEL", 0.0)

    async def scenario() -> None:
        async with decoding() as decoder:
            with pytest.raises(ImageTooComplex, match="too long"):
                await decode(decoder, SLOW)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_memory_is_limited_in_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_OWN_BYTES", 20 * 2**20)
    monkeypatch.setattr(limits, "LIMIT_BYTES_PER_PIXEL", 0)

    async def scenario() -> None:
        async with decoding() as decoder:
            with pytest.raises(MemoryError):
                await decode(decoder, bombs.png(4000, 8, 2))
            assert len(decoder.worker_pids) == 2
            await a_small_one(decoder)

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSEGV])
def test_a_worker_that_dies_fails_its_own_picture_only(sent: signal.Signals) -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            slow = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            waiting = asyncio.ensure_future(a_small_one(decoder))
            (pid,) = decoder.worker_pids
            os.kill(pid, sent)
            with pytest.raises(DecodeWorkerDied):
                await slow
            await waiting
            assert decoder.worker_pids not in ([], [pid])

    asyncio.run(scenario())


def test_a_worker_that_died_while_idle_is_replaced_unseen() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            os.kill(decoder.worker_pids[0], signal.SIGKILL)
            await until(lambda: not decoder.worker_pids)
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_a_request_that_expires_ends_then() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            for waits in (False, True):
                started_s = CLOCK.now_s()
                slow = [decode(decoder, SLOW, started_s + 0.2) for _ in range(1 + waits)]
                ends = await asyncio.gather(*slow, return_exceptions=True)
                assert [type(end) for end in ends] == [TimeoutError] * len(slow)
                assert CLOCK.now_s() - started_s < 0.8
            await a_small_one(decoder)

    asyncio.run(scenario())


def test_a_timer_that_is_early_does_not_make_it_the_pictures_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop's timers may be a millisecond early: here the clock stands still."""

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            monkeypatch.setattr(decoder, "_clock", ManualClock())
            with pytest.raises(TimeoutError):
                await decode(decoder, SLOW, decoder._clock.now_s() + 0.2)

    asyncio.run(scenario())


def test_a_cancelled_request_costs_no_worker() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            medium = bombs.png(2000, 8, 2)
            tasks = [asyncio.ensure_future(decode(decoder, medium)) for _ in range(3)]
            await until(lambda: busy(decoder) == 1)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await a_small_one(decoder)
            assert decoder.worker_pids == pids
            await until(lambda: busy(decoder) == 0)
            assert decoder.predict_s(read_header(SMALL, LIMIT)) < 0.05  # nothing is left in it

    asyncio.run(scenario())


def test_expired_requests_cost_no_worker() -> None:
    """A new one takes longer to start than a picture takes: overload would feed on itself."""

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await decode(decoder, bombs.png(2000, 8, 2), CLOCK.now_s() + 0.01)
                await a_small_one(decoder)
            assert decoder.worker_pids == pids

    asyncio.run(scenario())


def test_large_pictures_are_decoded_where_the_processor_is_left() -> None:
    async def scenario() -> None:
        async with decoding(workers=2) as decoder:
            await decoder.ready()
            nice = {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in decoder.worker_pids}
            own = os.getpriority(os.PRIO_PROCESS, 0)
            assert sorted(nice.values()) == [own, own + 10]
            for picture, wanted in ((SLOW, own + 10), (bombs.png(2000, 8, 2), own)) * 2:
                task = asyncio.ensure_future(decode(decoder, picture))
                await until(lambda: busy(decoder) == 1)
                (worker,) = decoder._busy
                assert nice[worker.pid] == wanted
                task.cancel()
                await asyncio.wait([task])
                await until(lambda: busy(decoder) == 0)
                await decoder.ready()
                nice |= {pid: os.getpriority(os.PRIO_PROCESS, pid) for pid in decoder.worker_pids}

    asyncio.run(scenario())


def test_damaged_pictures_cost_no_worker() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            pids = decoder.worker_pids
            for _ in range(3):
                with pytest.raises(ImageUnreadable):
                    await decode(decoder, SMALL[: len(SMALL) // 2])
            assert decoder.worker_pids == pids

    asyncio.run(scenario())


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_closing_kills_what_decodes() -> None:
    async def scenario() -> None:
        async with decoding() as decoder:
            await a_small_one(decoder)
            slow = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            pids = decoder.worker_pids
            started_s = CLOCK.now_s()
            decoder.close()
            assert CLOCK.now_s() - started_s < 0.5
            assert all(gone(pid) for pid in pids)
            with pytest.raises(DecodeWorkerDied):
                await slow
            with pytest.raises(DecodeWorkerDied):
                await a_small_one(decoder)  # nothing is started any more

    asyncio.run(scenario())


_PARENT = """
import asyncio
import io
from tests.server.pictures.test_workers import *

async def scenario():
    async with decoding(workers=2) as decoder:
        await a_small_one(decoder)
        slow = [asyncio.ensure_future(decode(decoder, SLOW)) for _ in range(2)]
        await until(lambda: busy(decoder) == 1)
        print(*decoder.worker_pids, flush=True)
        await asyncio.sleep(60)

asyncio.run(scenario())
"""


def test_no_worker_outlives_its_server() -> None:
    command = [sys.executable, "-c", _PARENT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(gone(pid) for pid in pids)
        parent.kill()
    deadline_s = time.monotonic() + 1.0
    while not all(gone(pid) for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_a_worker_is_small_before_and_after_large_pictures() -> None:
    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            (pid,) = decoder.worker_pids
            assert resident_bytes(pid) <= 60e6
            for large in (bombs.transparent_palette_png(4000), bombs.png(4000, 16, 0)) * 2:
                await decode(decoder, large)
            await until(lambda: resident_bytes(pid) <= 60e6)

    asyncio.run(scenario())


def test_a_worker_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMV_SECRET", "hush")

    async def scenario() -> None:
        async with decoding(workers=1) as decoder:
            await a_small_one(decoder)
            assert "hush" not in await asyncio.to_thread(environment, *decoder.worker_pids)

    def environment(pid: int) -> str:
        return Path(f"/proc/{pid}/environ").read_text()

    asyncio.run(scenario())


def test_a_worker_loads_no_engine() -> None:
    code = "import sys, pictures.worker; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert {"numpy", "PIL"} <= loaded
    assert not loaded & {"engine", "onnxruntime", "pydantic", "fastapi", "tokenizers", "asyncio"}


def test_a_client_that_leaves_stops_a_heavy_picture() -> None:
    async def scenario() -> None:
        async with decoding(1) as decoder:
            await decoder.ready()
            (first,) = decoder.worker_pids
            left = asyncio.ensure_future(decode(decoder, SLOW))
            waiting = asyncio.ensure_future(decode(decoder, SLOW))
            await until(lambda: busy(decoder) == 1)
            waiting.cancel()
            left.cancel()
            await asyncio.wait([left, waiting])
            await a_small_one(decoder)
            assert first not in decoder.worker_pids
            assert busy(decoder) == 0

    asyncio.run(scenario())


def test_workers_that_are_ready_wait_for_nothing() -> None:
    async def scenario() -> None:
        async with decoding(2) as decoder:
            await decoder.ready()
            assert all(worker._ready for worker in decoder._idle)

    asyncio.run(scenario())
