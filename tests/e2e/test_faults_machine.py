"""The machine around the process: a full disk, no Prometheus, a clock that jumps."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest

from monitoring.prometheus import Prometheus
from tests.e2e.demo_copies import DEMO
from tests.e2e.prometheus import scraping
from tests.e2e.questions import answers, half_sent, question, send
from tests.e2e.server_numbers import ended, metric
from tests.server.kit.live_server import LiveServer, serving

pytestmark = pytest.mark.e2e

YEAR_S = 365 * 86_400


@pytest.fixture(params=["disk", "limit"])
def full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """A cache folder that takes no file, and the command that makes it so."""
    if request.param == "limit":  # every write to a file fails: EFBIG
        yield tmp_path, ["sh", "-c", 'ulimit -f 0 && exec "$@"', "sh"]
        return
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk")
    try:
        with suppress(OSError), (tmp_path / "filler").open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass
        assert shutil.disk_usage(tmp_path).free == 0
        yield tmp_path, []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_full_disk_is_no_reason_to_stop(quick: Path, full_disk: tuple[Path, list[str]]) -> None:
    folder, wrapper = full_disk
    with serving(quick, folder, wrapper) as server:
        assert answers(server)
        warned = [line for line in server.lines if "not cached" in line]
        print("".join(warned))
        assert len([line for line in warned if "latency profile" in line]) == 1
        assert all("set another cache folder" in line for line in warned)
        assert not [line for line in server.lines if "Traceback" in line]
        assert metric(server, "ready") == {"": 1.0}
        assert server.stop() == 0
    assert [path.name for path in folder.rglob("*") if path.is_file()] in ([], ["filler"])


def scraped(address: str, query: str) -> float:
    with Prometheus(address) as prometheus:
        values = prometheus.values(query)
    return values[0].value if values else 0.0


def wait_for(address: str, query: str, at_least: float) -> float:
    deadline_s = time.monotonic() + 20
    while (found := scraped(address, query)) < at_least:
        assert time.monotonic() < deadline_s, (query, found)
        time.sleep(0.1)
    return found


def test_without_prometheus_nothing_changes_and_it_finds_us_again(
    cache: Path, tmp_path: Path
) -> None:
    answered = 'sum(otmv_requests_total{outcome="ok"})'
    with serving(DEMO, cache) as server:
        with scraping(server.url, tmp_path) as address:
            assert answers(server)
            wait_for(address, answered, 1)
        for _ in range(5):
            assert answers(server)
        with scraping(server.url, tmp_path) as address:  # on the data of the one before
            assert wait_for(address, answered, 6) == ended(server)["ok"] == 6
            assert wait_for(address, 'up{job="otmv"}', 1) == 1
        assert answers(server)


def libfaketime() -> Path:
    for folder in Path("/usr/lib").glob("*/faketime"):
        if (folder / "libfaketimeMT.so.1").is_file():
            return folder / "libfaketimeMT.so.1"
    pytest.skip("libfaketime is not installed (Debian: package faketime)")


def wall_clock_s(server: LiveServer) -> float:
    """Return the server's wall clock, which it writes into every response."""
    date = httpx.get(f"{server.url}/healthz").headers["date"]
    return parsedate_to_datetime(date).timestamp()


@pytest.mark.parametrize("step_s", [YEAR_S, -YEAR_S])
def test_a_step_of_the_clock_changes_no_deadline(cache: Path, tmp_path: Path, step_s: int) -> None:
    """Years forward or back between two requests, and in the middle of one."""
    offset = tmp_path / "offset"
    offset.write_text("+0s")
    environment = {
        "LD_PRELOAD": str(libfaketime()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with serving(DEMO, cache, **environment) as server:
        assert answers(server)
        assert abs(wall_clock_s(server) - time.time()) < 5
        connection, rest = half_sent(server)
        offset.write_text(f"{step_s:+d}s")
        deadline_s = time.monotonic() + 5
        while abs(wall_clock_s(server) - time.time() - step_s) > 60:
            assert time.monotonic() < deadline_s, "the clock did not step"
            time.sleep(0.1)
        connection.sendall(rest)
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.close()
        found = send(server, question()).json()["answers"][0]
        assert (found["answer"], found["variant"], found["deadline_met"]) == ("red", "full", True)
        assert 0 < found["timings_ms"]["total"] < 30_000
        counted = ended(server)
        assert (counted["late"], counted["expired"]) == (0, 0)
        page = httpx.get(f"{server.url}/metrics").text
        assert 'otmv_request_seconds_bucket{le="30.0"' in page
        assert server.stop() == 0
