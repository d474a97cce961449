"""A real process with a real (tiny) artifact, over real sockets."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.server.kit.bad_requests import good_request
from tests.server.kit.live_server import ROOT, LiveServer, run_otmv, serving

pytestmark = pytest.mark.e2e


def last_words(errors: str) -> str:
    """Return the one line that a server ends with; before it, at most its settings are logged."""
    *before, last = errors.strip().splitlines()
    assert [line for line in before if " otmv.server settings " not in line] == []
    assert len(before) <= 1
    return last


def test_a_taken_port_is_one_line(server: LiveServer, artifact: Path) -> None:
    code, _, errors = run_otmv("serve", artifact, "--port", server.address[1])
    assert code == 1
    assert "choose another --port" in last_words(errors)


@pytest.mark.parametrize("damage", ["missing folder", "missing weights", "flipped byte", "newer"])
def test_a_bad_artifact_is_one_line(artifact: Path, tmp_path: Path, damage: str) -> None:
    copy = tmp_path / "copy"
    if damage != "missing folder":
        shutil.copytree(artifact, copy)
    weights = copy / "weights.safetensors"
    if damage == "missing weights":
        weights.unlink()
    elif damage == "flipped byte":
        data = bytearray(weights.read_bytes())
        data[-3] ^= 1
        weights.write_bytes(data)
    elif damage == "newer":
        manifest = copy / "manifest.json"
        text = re.sub(r'"schema_version": \d+', '"schema_version": 99', manifest.read_text())
        manifest.write_text(text)
    code, _, errors = run_otmv("serve", copy, "--port", 0, "--cache-dir", tmp_path / "cache")
    assert code == 1
    assert last_words(errors)
    assert "(" in errors


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ({"OTMV_PROT": "9000"}, "OTMV_PROT"),
        ({"OTMV_PORT": "tcp://10.0.0.1:8000"}, "OTMV_PORT"),
        ({"OTMV_MEMORY_BUDGET": "lots"}, "OTMV_MEMORY_BUDGET"),
        ({"OTMV_MEMORY_BUDGET": "1KiB"}, "budget"),
    ],
)
def test_a_wrong_setting_is_one_line(
    artifact: Path, tmp_path: Path, variable: dict[str, str], words: str
) -> None:
    arguments = ("serve", artifact, "--cache-dir", tmp_path)
    code, _, errors = run_otmv(*arguments, **{"OTMV_PORT": "0", **variable})
    assert code == 1
    assert words in last_words(errors)


DYING = """
from engine.loop.executor import Executor
from cli.main import main

def end(executor, request):
    raise SystemExit

Executor._take_in = end
main()
"""


def test_a_process_whose_engine_has_stopped_answers_and_ends(artifact: Path, cache: Path) -> None:
    words = [sys.executable, "-c", DYING, "serve", artifact, "--port", "0", "--cache-dir", cache]
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        live = LiveServer(process)
        good = good_request()
        url = f"{live.url}{good.path}"
        answer = httpx.post(url, content=good.body, headers=good.headers, timeout=30)
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:otmv:problem:engine-stopped"
        assert live.wait() == 1
    finally:
        process.kill()
        process.wait()
    written = "".join(live.lines)
    assert len(re.findall("critical|CRITICAL", written)) == 1
    assert "the engine has stopped by a fault" in written.strip().splitlines()[-1]


def test_sigterm_finishes_what_runs_and_leaves_with_zero(artifact: Path, cache: Path) -> None:
    statuses: list[int] = []
    with serving(artifact, cache, OTMV_DRAIN_DELAY_S="0.5") as live:
        started = threading.Event()

        def keep_asking() -> None:
            good = good_request()
            with httpx.Client(base_url=live.url, timeout=30) as client:
                while True:
                    try:
                        answer = client.post(good.path, content=good.body, headers=good.headers)
                    except httpx.TransportError:
                        return
                    statuses.append(answer.status_code)
                    started.set()

        asking = threading.Thread(target=keep_asking)
        asking.start()
        assert started.wait(30)
        assert live.stop() == 0
        asking.join(30)
    assert statuses[0] == 200
    assert set(statuses) <= {200, 503}
    assert 503 in statuses


def test_a_second_interrupt_stops_at_once_and_says_no_more(artifact: Path, cache: Path) -> None:
    with serving(artifact, cache, OTMV_DRAIN_DELAY_S="60") as live:
        ready = len(live.lines)
        live.process.send_signal(signal.SIGINT)
        ends_s = time.monotonic() + 20
        while len(live.lines) == ready and time.monotonic() < ends_s:
            time.sleep(0.02)
        live.process.send_signal(signal.SIGINT)
        assert live.wait() == 0
    (said,) = live.lines[ready:]
    assert "a second signal stops at once" in said


@pytest.mark.parametrize("reader", ["head -n 1", "true"])
def test_who_reads_the_log_may_leave(artifact: Path, cache: Path, reader: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = f"{sys.executable} -m cli.main serve {artifact} --port {port} --cache-dir {cache}"
    line = f"{{ {serve} 2>&1 & echo $! >&3; wait $!; echo $? >&3; }} | {reader} > /dev/null"
    ids, written = os.pipe()
    words = ["bash", "-c", f"exec 3>&{written}; {line}"]
    with subprocess.Popen(words, cwd=ROOT, pass_fds=[written]), os.fdopen(ids) as told:
        os.close(written)
        process = int(told.readline())
        try:
            wait_for(f"http://127.0.0.1:{port}/readyz")
        finally:
            os.kill(process, signal.SIGTERM)
        assert told.readline() == "0\n"


def wait_for(url: str) -> None:
    ends_s = time.monotonic() + 60
    while time.monotonic() < ends_s:
        try:
            if httpx.get(url, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} is not ready")
