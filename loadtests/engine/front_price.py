"""What a question costs of the processor: two work trees in turns, with their own defaults.

Each tree serves the demo. Eight connections ask it in turns, each again as soon as it has its
answer; the processor time of all the server's processes is counted. Alone, and beside two processes
that never rest. Then one server with one engine thread, whose time in the library is counted apart.

    python -m loadtests.engine.front_price ../before . --json front_price.json
"""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from loadtests.engine.connection import Connection, question_bytes
from loadtests.kit.bars import Bar, any_missed
from loadtests.kit.origin import Origin
from loadtests.kit.pairs import Pairs, ratio_bar
from loadtests.kit.processes.busy import busy_processes
from loadtests.kit.processes.child import environment
from loadtests.kit.processes.serving import ServerProcess, ready_address
from loadtests.kit.processes.started import started
from loadtests.kit.quartiles import quartiles
from loadtests.kit.results import results, results_file, write_results

CONNECTIONS = 8
QUESTION = "what color is the circle?"
BUSY = 2
MOST_CPU_RATIO, LEAST_RATE_RATIO, LEAST_RATE_RATIO_BESIDE = 0.5, 1.2, 1.6
MOST_FRONT_MS = 1.3
_SIDE_PX = 64
_PICTURE = "examples/demo-artifact/golden/images/0000.jpg"


@dataclass(frozen=True)
class Window:
    """What one window saw: answers a second, and processor milliseconds for each."""

    rate: float
    cpu_ms: float


@contextmanager
def serving_tree(
    tree: Path, cache: Path, program: Sequence[str] = ("-m", "cli.main"), *more: str
) -> Iterator[ServerProcess]:
    """Serve a tree's demo with its own environment and defaults until the block ends."""
    words = ["serve", "examples/demo-artifact", "--port", "0", "--cache-dir", str(cache), *more]
    command = [str(tree / ".venv/bin/python"), *program, *words]
    with started(command, environment(), ready_address, 300, 30, tree) as (process, (host, port)):
        yield ServerProcess(process, host, port)


def small_jpeg(path: Path) -> bytes:
    """Return a picture as a JPEG of 64 × 64 pixels, which the demo need not resize."""
    small = io.BytesIO()
    with Image.open(path) as picture:
        picture.resize((_SIDE_PX, _SIDE_PX)).save(small, "JPEG", quality=90)
    return small.getvalue()


async def answers(server: ServerProcess, request: bytes, seconds: float) -> int:
    """Ask over all connections for some seconds; return how many answers came."""
    ends_s, count = time.perf_counter() + seconds, 0

    async def client() -> None:
        nonlocal count
        connection = await Connection.open(server)
        while time.perf_counter() < ends_s:
            await connection.exchange(request)
            count += 1
        connection.close()

    async with asyncio.TaskGroup() as clients:
        for _ in range(CONNECTIONS):
            clients.create_task(client())
    return count


def window(server: ServerProcess, request: bytes, seconds: float) -> Window:
    """Measure one window."""
    before_s, begun_s = server.cpu_s(), time.perf_counter()
    count = asyncio.run(answers(server, request, seconds))
    took_s = time.perf_counter() - begun_s
    return Window(count / took_s, (server.cpu_s() - before_s) / count * 1e3)


def compared(old: Sequence[Window], new: Sequence[Window], company: str, least: float) -> list[Bar]:
    """Return two bars, of new over old: processor time of a question, and throughput."""
    cpu = Pairs(tuple(w.cpu_ms for w in new), tuple(w.cpu_ms for w in old))
    rate = Pairs(tuple(w.rate for w in new), tuple(w.rate for w in old))
    name = f"engine.front-price.{company}"
    return [
        ratio_bar(f"{name}.cpu-ratio", cpu, MOST_CPU_RATIO, "ms", claim_pairs=5),
        ratio_bar(f"{name}.rate-ratio", rate, least, "/s", at_least=True, claim_pairs=5),
    ]


def in_turns(
    servers: Sequence[ServerProcess], request: bytes, visits: int, seconds: float
) -> tuple[list[Window], list[Window]]:
    """Measure both servers in turns; which comes first changes every time."""
    found: tuple[list[Window], list[Window]] = ([], [])
    for number in range(visits):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            found[side].append(window(servers[side], request, seconds))
    return found


def front_bar(tree: Path, cache: Path, request: bytes, visits: int, seconds: float) -> Bar:
    """Return the bar on a question's processor time outside ONNX Runtime's and Pillow's calls."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "times"
        program = ("-m", "loadtests.engine.counted_server", str(path))
        with serving_tree(tree, cache, program, "--engine-threads", "1") as server:
            window(server, request, 2.0)
            library = np.memmap(path, np.int64, "r", shape=(1,))
            found = [_outside_ms(server, library, request, seconds) for _ in range(visits)]
    low, median, high = quartiles(found)
    spread = f"quartiles {low:.2f} to {high:.2f} ms, {visits} windows"
    return Bar("engine.front-price.outside-library.ms", median, MOST_FRONT_MS, False, spread)


def _outside_ms(server: ServerProcess, library: np.memmap, request: bytes, seconds: float) -> float:
    before_s, before_cpu_s = _inside_s(server, library), server.cpu_s()
    count = asyncio.run(answers(server, request, seconds))
    all_s = server.cpu_s() - before_cpu_s
    return (all_s - (_inside_s(server, library) - before_s)) / count * 1e3


def _inside_s(server: ServerProcess, library: np.memmap) -> float:
    """Return the seconds so far inside the engine's library, and of decoding and resizing."""
    with urllib.request.urlopen(f"http://{server.host}:{server.port}/metrics") as page:
        lines = page.read().decode().splitlines()
    pillow = (
        'otmv_phase_seconds_sum{phase="decode"}',
        'otmv_phase_seconds_sum{phase="preprocess"}',
    )
    decoded_s = sum(float(line.split()[-1]) for line in lines if line.startswith(pillow))
    return float(library[0]) / 1e9 + decoded_s


def measure(asked: argparse.Namespace) -> list[Bar]:
    """Return all bars."""
    trees = [asked.before.resolve(), asked.after.resolve()]
    request = question_bytes(small_jpeg(trees[1] / _PICTURE), QUESTION, "full")
    bars: list[Bar] = []
    with tempfile.TemporaryDirectory() as folder:
        caches = [Path(folder) / "before", Path(folder) / "after"]
        with ExitStack() as stack:
            servers = [
                stack.enter_context(serving_tree(*pair)) for pair in zip(trees, caches, strict=True)
            ]
            for server in servers:
                window(server, request, 2.0)
            alone = in_turns(servers, request, asked.visits, asked.seconds)
            bars += compared(*alone, "alone", LEAST_RATE_RATIO)
            with busy_processes(BUSY):
                beside = in_turns(servers, request, asked.visits, asked.seconds)
            bars += compared(*beside, "beside", LEAST_RATE_RATIO_BESIDE)
        bars.append(front_bar(trees[1], caches[1], request, asked.visits, asked.seconds))
    return bars


def main() -> int:
    """Measure; print bars; return 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("before", type=Path, help="a work tree with its own .venv")
    parser.add_argument("after", type=Path, help="another one")
    parser.add_argument("--visits", type=int, default=7, help="windows of each tree")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a window")
    parser.add_argument("--json", type=results_file, help="write results here")
    asked = parser.parse_args()
    bars = measure(asked)
    for bar in bars:
        print(bar.line())
    if asked.json is not None:
        command = " ".join(("python -m loadtests.engine.front_price", *sys.argv[1:]))
        facts = {"visits": asked.visits, "window_s": asked.seconds, "busy_processes": BUSY}
        write_results(asked.json, results(Origin(command), facts, bars))
    return int(any_missed(bars))


if __name__ == "__main__":
    sys.exit(main())
