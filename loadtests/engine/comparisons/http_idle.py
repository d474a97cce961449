"""What HTTP adds to one question on an idle machine: `otmv serve` against the engine alone.

One client, one connection, one request at a time. The HTTP side includes the upload, decoding the
JPEG, the JSON; the engine side starts from decoded pixels in this process. The sides take turns in
windows, of which the median counts: a runtime's threads spin for a while after their last call, so
with every request in turn the sides would disturb each other.
"""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import time
from functools import partial

from PIL import Image

from artifact.preprocess import to_pixels
from engine.tasks.vqa import VqaInput
from loadtests.engine.connection import Connection, question_bytes
from loadtests.engine.live import LiveEngine
from loadtests.engine.setup import EngineBench
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.pairs import Side, difference_bar, take_pairs
from loadtests.kit.processes.serving import ServerProcess, serving
from loadtests.kit.progress import Report

LIMIT_MS = 3.0
QUESTION = "what color is the circle?"
_WINDOW = 30


def measure(setup: EngineBench, report: Report) -> list[Bar]:
    """Return the bar of one backend on the demo artifact."""
    picture = setup.demo / "golden/images/0000.jpg"
    if not picture.is_file():
        raise BenchError(f"{picture} is not there: give the demo artifact with --demo")
    report("starting the server", 0.0)
    with (
        serving(setup.demo, setup.backend, setup.cache) as server,
        LiveEngine(setup.demo, setup.backend, 8, setup.cache, check_golden=False) as live,
    ):
        return [_compare(setup, server, live, picture.read_bytes(), report)]


def _compare(
    setup: EngineBench, server: ServerProcess, live: LiveEngine, picture: bytes, report: Report
) -> Bar:
    with Image.open(io.BytesIO(picture)) as image:
        side_px = live.artifact.manifest.config.image_size_of(VqaInput.task)
        pixels = to_pixels(image.convert("RGB"), side_px)
    given = VqaInput(pixels, QUESTION)
    request = question_bytes(picture, QUESTION, "full")
    phases: list[dict[str, float]] = []
    with asyncio.Runner() as runner:
        connection = runner.run(Connection.open(server))

        def http() -> float:
            begun_s = time.perf_counter()
            body = runner.run(connection.exchange(request))
            took_ms = (time.perf_counter() - begun_s) * 1e3
            phases.append(json.loads(body)["answers"][0]["timings_ms"])
            return took_ms

        def alone() -> float:
            return live.ask([given], ["full"])[0] * 1e3

        sides = partial(_median_of, http), partial(_median_of, alone)
        for side in sides:
            side()
        phases.clear()
        pairs = take_pairs(*sides, setup.pairs, report)
        connection.close()
    inside = {name: round(statistics.median(p[name] for p in phases), 3) for name in phases[0]}
    return difference_bar(
        f"engine.http-idle.{setup.backend}.ms",
        pairs,
        LIMIT_MS,
        "ms",
        library=live.pool.backend.library,
        requests_per_window=_WINDOW,
        server_medians_ms=inside,
    )


def _median_of(side: Side) -> float:
    return statistics.median(side() for _ in range(_WINDOW))
