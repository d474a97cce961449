"""Pictures made to stop the server, over HTTP: one request fails, the others are answered."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from loadtests.siege.attackers import pictures as bombs
from tests.server.kit.bad_requests import form, good_request
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import ServerThread, serving_fake

GOOD = good_request()
SLOW = bombs.jpeg_scans(4096, 4096, 90)


def ask(server: ServerThread, picture: bytes, **fields: bytes) -> httpx.Response:
    body = form([("image", picture), ("question", b"q?"), *fields.items()])
    return httpx.post(server.url + GOOD.path, content=body, headers=GOOD.headers, timeout=60)


def ask_good(server: ServerThread) -> float:
    """Ask a good question; return the seconds until it was answered."""
    started_s = time.monotonic()
    response = httpx.post(server.url + GOOD.path, content=GOOD.body, headers=GOOD.headers)
    assert response.status_code == 200
    return time.monotonic() - started_s


def resident_bytes(pids: list[int]) -> int:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("name", bombs.REFUSED_UNDECODED)
def test_a_bomb_is_refused_and_the_server_answers(name: str) -> None:
    pool = FakePool()
    with serving_fake(pool) as server:
        response = ask(server, bombs.REFUSED_UNDECODED[name]())
        assert (response.status_code, response.json()["type"]) == (
            422,
            "urn:otmv:problem:image-unreadable",
        )
        ask_good(server)
        assert pool.open_places == 0


@pytest.mark.e2e  # its times want the machine for themselves
def test_others_are_answered_while_bombs_are_decoded() -> None:
    pool = FakePool()
    with serving_fake(pool, decode_timeout_s=0.4) as server, ThreadPoolExecutor(4) as clients:
        ask_good(server)
        decoder = server.app.state.serving.decoder
        before_bytes = resident_bytes([os.getpid(), *decoder.worker_pids])
        ends = [clients.submit(ask, server, SLOW) for _ in range(4)]
        took_s = []
        grew_bytes = 0
        while not all(end.done() for end in ends):
            took_s.append(ask_good(server))
            now_bytes = resident_bytes([os.getpid(), *decoder.worker_pids])
            grew_bytes = max(grew_bytes, now_bytes - before_bytes)
        assert len(took_s) > 5
        assert max(took_s) < 0.4
        assert grew_bytes < 300e6
        for end in ends:
            assert end.result().status_code == 422
            assert "too long" in end.result().json()["detail"]
        assert [outcome for _, outcome in pool.cancelled] == ["invalid"] * 4
        assert pool.open_places == 0


def test_memory_of_deep_and_transparent_pictures_is_bounded() -> None:
    with serving_fake(FakePool()) as server:
        ask_good(server)
        decoder = server.app.state.serving.decoder
        before_bytes = resident_bytes([os.getpid(), *decoder.worker_pids])
        most_bytes = 0
        done = threading.Event()

        def watch() -> None:
            nonlocal most_bytes
            while not done.wait(0.005):
                now_bytes = resident_bytes([os.getpid(), *decoder.worker_pids])
                most_bytes = max(most_bytes, now_bytes)

        watcher = threading.Thread(target=watch)
        watcher.start()
        for picture in (bombs.transparent_palette_png(6324), bombs.png(6324, 16, 0)):
            assert ask(server, picture).status_code == 200
        done.set()
        watcher.join()
        assert most_bytes - before_bytes < 350e6


def test_a_stop_with_bombs_open_is_quick() -> None:
    with serving_fake(FakePool(), drain_timeout_s=0.5) as server, ThreadPoolExecutor(2) as clients:
        ask_good(server)
        decoder = server.app.state.serving.decoder
        ends = [clients.submit(ask, server, SLOW) for _ in range(2)]
        while not decoder._busy:
            time.sleep(0.01)
        started_s = time.monotonic()
        server.terminate()
        server.thread.join(20)
        assert time.monotonic() - started_s < 0.5 + 1.0
        assert not decoder.worker_pids
        assert all(end.exception() or end.result().status_code >= 400 for end in ends)
