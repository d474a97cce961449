"""Throughput over HTTP against the same engine fed directly, both in closed loops.

Over HTTP: as many connections as `CLIENTS`, each asking again as soon as it has its answer, with
JPEGs of the model's size. Directly: as many requests in flight, from decoded pixels. A window runs
from the answer that ends the ramp to the last one counted; what is in flight then is cancelled. The
clients share the machine's cores with the server, and nothing is subtracted for that.
"""

from __future__ import annotations

import asyncio
import io
import time
from queue import SimpleQueue

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artifact.preprocess import to_pixels
from artifact.task import VQA
from engine.requests.request import Request
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from loadtests.engine.comparisons.composed import TOKENS
from loadtests.engine.connection import Connection, question_bytes
from loadtests.engine.live import LiveEngine, draw_inputs
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import ratio_bar, take_pairs
from loadtests.kit.processes.serving import ServerProcess, serving
from loadtests.kit.progress import Report

LIMIT = 0.97
CLIENTS = 32
RAMP, COUNTED = 8, 24
"""Answers before the window, and in it: three full batches."""

_JPEG_QUALITY = 90


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend."""
    report("starting the server", 0.0)
    root = setup.artifacts / "base1"
    with (
        serving(root, setup.backend, setup.cache) as server,
        LiveEngine(root, setup.backend, 8, setup.cache) as live,
    ):
        return [_compare(setup, server, live, report)]


def _compare(setup: EngineBench, server: ServerProcess, live: LiveEngine, report: Report) -> Bar:
    drawn = draw_inputs(live.artifact, CLIENTS, TOKENS, setup.seed)
    pictures = [_jpeg(each) for each in drawn]
    given = [VqaInput(_decoded(picture), drawn[0].question) for picture in pictures]
    requests = [question_bytes(picture, drawn[0].question, "full") for picture in pictures]
    last = question_bytes(pictures[0], drawn[0].question, "d1")
    used = {"server": 0.0, "clients": 0.0, "engine_alone": 0.0}
    with asyncio.Runner() as runner:

        def http() -> float:
            before = server.cpu_s(), time.process_time()
            found = runner.run(_http_window(server, requests, last))
            used["server"] += server.cpu_s() - before[0]
            used["clients"] += time.process_time() - before[1]
            return found

        def direct() -> float:
            before = time.process_time()
            found = _direct_window(live, given)
            used["engine_alone"] += time.process_time() - before
            return found

        http()
        direct()
        used.update(dict.fromkeys(used, 0.0))
        pairs = take_pairs(http, direct, setup.pairs, report)
    return ratio_bar(
        f"engine.http-load.{setup.backend}.throughput-ratio",
        pairs,
        LIMIT,
        "/s",
        at_least=True,
        library=live.pool.backend.library,
        clients=CLIENTS,
        cpu_s_per_window={name: round(value / setup.pairs, 3) for name, value in used.items()},
    )


async def _http_window(server: ServerProcess, requests: list[bytes], last: bytes) -> float:
    """Return answers per second over connections, one per request."""
    times_s: list[float] = []
    done = asyncio.Event()

    async def client(connection: Connection, request: bytes) -> None:
        while True:
            await connection.exchange(request)
            times_s.append(time.perf_counter())
            if len(times_s) == RAMP + COUNTED:
                done.set()

    connections = [await Connection.open(server) for _ in requests]
    pairs = zip(connections, requests, strict=True)
    tasks = [asyncio.create_task(client(*pair)) for pair in pairs]
    waiting = asyncio.create_task(done.wait())
    try:
        await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        ends = await asyncio.gather(waiting, *tasks, return_exceptions=True)
        for connection in connections:
            connection.close()
    for end in ends:
        if isinstance(end, Exception):
            raise end
    after = await Connection.open(server)
    await after.exchange(last)  # answered once the cancelled ones are out of the way
    after.close()
    return _rate(times_s)


def _direct_window(live: LiveEngine, given: list[VqaInput]) -> float:
    """Return answers per second with as many requests in flight as `given`."""
    pool = live.pool
    ended: SimpleQueue[int] = SimpleQueue()
    requests: dict[int, Request] = {}
    times_s: list[float] = []

    def submit(index: int) -> None:
        request = requests[index] = pool.admit(
            VQA.name, Budget(variant="full"), time.perf_counter()
        )
        pool.submit(request, given[index]).add_done_callback(lambda _: ended.put(index))

    for index in range(len(given)):
        submit(index)
    while len(times_s) < RAMP + COUNTED:
        index = ended.get()
        times_s.append(time.perf_counter())
        submit(index)
    live.clear(requests.values(), given[0])
    return _rate(times_s)


def _rate(times_s: list[float]) -> float:
    return COUNTED / (times_s[RAMP + COUNTED - 1] - times_s[RAMP - 1])


def _jpeg(given: VqaInput) -> bytes:
    """Return smooth colours as a JPEG: noise would make files no camera makes."""
    small = Image.fromarray(given.pixels[:28, :28])
    side_px = given.pixels.shape[0]
    buffer = io.BytesIO()
    image = small.resize((side_px, side_px), Image.Resampling.BICUBIC)
    image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()


def _decoded(picture: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(picture)) as image:
        return to_pixels(image.convert("RGB"), image.size[0])
