"""A new artifact while the real server is under load: nothing is lost, whatever the new one is."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from otmv_serve import OtmvClient
from tests.e2e.demo_copies import write_demo_copy
from tests.e2e.http_load import Load, open_loop
from tests.e2e.questions import PICTURE, answers, half_sent, mixed
from tests.e2e.server_numbers import metric, resident_bytes
from tests.server.kit.live_server import LiveServer, serving

pytestmark = pytest.mark.e2e

RATE_HZ = 25.0
SLICE_S = 2.0
RELOADS = 5
MOST_GROWTH_BYTES = 24 * 2**20
"""Over four reloads of an artifact of 6 MB, whose engine takes some 25 MB."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two artifacts: the answers of `two` claim half the quality."""
    folder = tmp_path_factory.mktemp("artifacts")
    write_demo_copy(folder / "one", "one")
    write_demo_copy(folder / "two", "two", halved=True)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def server(folder: Path, cache: Path) -> Iterator[LiveServer]:
    with serving(folder / "one", cache, OTMV_RELOAD="true") as live:
        yield live


def reload(server: LiveServer, artifact: Path | None = None) -> httpx.Response:
    body = {} if artifact is None else {"artifact": str(artifact)}
    return httpx.post(f"{server.url}/v1/artifacts/reload", json=body, timeout=120)


def served(server: LiveServer) -> str:
    name: str = httpx.get(f"{server.url}/v1/variants", timeout=30).json()["model"]
    return name


def qualities(load: Load) -> list[float]:
    """Return the quality of each answer, in the order they came in."""
    found = []
    for reply in load.of(200):
        body = json.loads(reply.body)
        found.append(body["answers"][0]["variant_quality"])
    return found


async def load_while(server: LiveServer, work: asyncio.Future[Any]) -> Load:
    """Send at a steady rate until the work is done, and a little longer."""
    posts, whole = mixed(), Load()
    over = False
    while not over:
        over = work.done()
        load = await open_loop(server.address, posts, RATE_HZ, SLICE_S, lambda since_s: None)
        for number, replies in enumerate(load.replies.values()):
            whole.replies[f"{whole.sent}-{number}"] = replies
        whole.sent += load.sent
        whole.lost |= load.lost
    return whole


def check_nothing_failed(load: Load) -> None:
    assert not load.lost, list(load.lost.items())[:3]
    assert len(load.of(200)) == load.sent, [r.status for r in load.all if r.status != 200][:5]


def test_nothing_is_lost_when_the_artifact_changes(server: LiveServer, folder: Path) -> None:
    connection, rest = half_sent(server)
    captions: list[bool] = []

    def stream(until: asyncio.Future[Any]) -> None:
        with OtmvClient(server.url) as client:
            while not until.done() or not captions:
                *pieces, whole = client.stream_caption(PICTURE)
                captions.append("".join(map(str, pieces)) == getattr(whole, "caption", None))

    async def scenario() -> tuple[httpx.Response, Load]:
        work = asyncio.ensure_future(asyncio.to_thread(reload, server, folder / "two"))
        streaming = asyncio.ensure_future(asyncio.to_thread(stream, work))
        load = await load_while(server, work)
        await streaming
        return work.result(), load

    response, load = asyncio.run(scenario())
    print(f"{response.json()} {load.sent} sent, slowest {max(r.took_s for r in load.all):.2f} s")
    assert response.status_code == 200
    found = response.json()
    assert (found["before"]["name"], found["after"]["name"]) == ("one", "two")
    check_nothing_failed(load)
    assert captions
    assert all(captions)
    by_artifact = [quality > 0.49 for quality in qualities(load)]
    assert (by_artifact[0], by_artifact[-1]) == (True, False)
    connection.sendall(rest)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()
    assert served(server) == "two"
    assert answers(server)
    (info,) = metric(server, "artifact_info")
    assert f'name="two",sha256="{found["after"]["sha256"]}"' == info
    assert metric(server, "reloads_total")['outcome="ok"'] == 1
    assert server.stop() == 0


def test_a_corrupted_artifact_is_refused_under_load(server: LiveServer, folder: Path) -> None:
    bad = folder / "bad"
    shutil.rmtree(bad, ignore_errors=True)
    shutil.copytree(folder / "two", bad)
    weights = bad / "weights.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1000] ^= 1
    weights.write_bytes(raw)

    async def scenario() -> tuple[httpx.Response, Load]:
        work = asyncio.ensure_future(asyncio.to_thread(reload, server, bad))
        load = await load_while(server, work)
        return work.result(), load

    response, load = asyncio.run(scenario())
    assert response.status_code == 422
    assert response.json()["type"] == "urn:otmv:problem:artifact-refused"
    assert "SHA-256" in response.json()["detail"]
    check_nothing_failed(load)
    assert min(qualities(load)) > 0.49
    assert served(server) == "one"
    assert metric(server, "reloads_total")['outcome="refused"'] == 1


def test_two_reloads_at_once_are_one(server: LiveServer) -> None:
    with ThreadPoolExecutor(2) as both:
        codes = sorted(r.status_code for r in both.map(lambda _: reload(server), range(2)))
    assert codes == [200, 409]
    assert answers(server)


def test_sigterm_during_a_reload_loses_nothing(server: LiveServer, folder: Path) -> None:
    with ThreadPoolExecutor(1) as one:
        running = one.submit(reload, server, folder / "two")
        while not any(" beside " in line for line in server.lines):
            assert not running.done()
            time.sleep(0.01)
        assert answers(server)
        started_s = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started_s < 10
        assert running.result(30).status_code == 503


def test_hangup_reads_the_folder_again(server: LiveServer) -> None:
    server.process.send_signal(signal.SIGHUP)
    deadline_s = time.monotonic() + 60
    while metric(server, "reloads_total")['outcome="ok"'] < 1:
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    assert answers(server)


def test_reloads_do_not_pile_up_in_memory(server: LiveServer) -> None:
    held = []
    for _ in range(RELOADS):
        assert reload(server).status_code == 200
        assert answers(server)
        held.append(resident_bytes(server))
    print("resident MB after each reload:", [round(each / 1e6) for each in held])
    assert held[-1] - held[0] < MOST_GROWTH_BYTES
