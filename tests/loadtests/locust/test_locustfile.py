"""The real locust, headless, against a real server with the demo."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import configargparse
import pytest

from loadtests.locust.options import add_options
from tests.server.kit.live_server import ROOT, LiveServer, serving

pytestmark = pytest.mark.e2e

DEMO = ROOT / "examples" / "demo-artifact"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(DEMO, tmp_path_factory.mktemp("cache")) as live:
        yield live


def locust(host: str, *words: object) -> subprocess.CompletedProcess[str]:
    fixed = ["-f", "loadtests/locustfile.py", "--headless", "--only-summary", "-H", host]
    return subprocess.run(
        [sys.executable, "-m", "locust", *fixed, *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_spike_of_everything_within_its_thresholds(server: LiveServer, tmp_path: Path) -> None:
    html, results = tmp_path / "spike.html", tmp_path / "spike.json"
    shape = ["--shape", "spike", "--seconds", 3, "--peak-seconds", 1, "--capacity", 10]
    kept = ["--html", html, "--report", results]
    limits = ["--solo-ms", 500, "--min-attainment", "0.9", "--max-error-share", "hurried=0"]
    done = locust(server.url, "MixedUser", *shape, *limits, *kept, "--seed", 3)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "BAR locust.attainment " in done.stdout
    found = json.loads(results.read_text())
    assert found["capacity_hz"] == 10
    assert (
        found["offered"] == found["sent"] == sum(p["offered"] for p in found["stretches"].values())
    )
    assert list(found["stretches"]) == ["before", "spike", "after"]
    assert set(found["tasks"]) == {"vqa", "caption", "reason"}
    assert 0 < found["client_cpu"] < 1
    assert found["budgets"]["strict"]["deadline_ms"]["reason"] == 2000
    assert [bar["verdict"] for bar in found["bars"]] == ["ok", "ok"]
    page = html.read_text()
    assert 'id="otmv"' in page
    assert page.index('id="otmv"') < page.index('<div id="root">')


def test_a_threshold_that_is_missed_is_the_exit_code(server: LiveServer) -> None:
    shape = ["--shape", "steady", "--load", "0.5x", "--capacity", "auto", "--seconds", 1]
    limits = ["--min-attainment", "hurried=0.01", "--max-p99-ms", "0.001", "--solo-ms", "auto"]
    limits += ["--max-error-share", "0.5"]  # a hurried one may be turned away
    words = [*shape, *limits, "--classes", "hurried", "--sizing-seconds", 0.3]
    done = locust(server.url, "VqaUser", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    short = [line for line in done.stdout.splitlines() if " short" in line]
    assert len(short) == 1
    assert short[0].startswith("BAR locust.p99-ms ")
    assert "(measured)" in done.stdout


def test_users_that_wait_send_as_many_as_asked_and_a_trace_is_replayed(
    server: LiveServer, tmp_path: Path
) -> None:
    counted = locust(server.url, "ReasonUser", "-u", 4, "-r", 4, "--requests", 20)
    assert counted.returncode == 0, counted.stdout + counted.stderr
    assert "sent 20, counted by the server 20 (ok 20)" in counted.stdout
    trace = tmp_path / "trace.csv"
    trace.write_text("offset_s,task,class\n5,vqa,patient\n5.1,caption,relaxed\n5.2,,\n")
    replayed = locust(server.url, "VqaUser", "--shape", "replay", "--trace", trace)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "sent 3, counted by the server 3" in replayed.stdout


def test_requests_that_are_open_at_the_end_are_waited_for(server: LiveServer) -> None:
    """As README's first line: a time limit, and users that are asking when it comes."""
    load = ["-u", 8, "-r", 8, "--run-time", "3s", "--classes", "patient"]
    done = locust(server.url, "MixedUser", *load)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = re.search(r"^sent (\d+), counted by the server (\d+) ", done.stdout, re.M)
    assert counts is not None
    assert counts[1] == counts[2]
    assert "BAR locust.error-share" in done.stdout.splitlines()[-1], "the summary comes last"


def test_what_cannot_start_says_why_in_one_line(server: LiveServer) -> None:
    done = locust(server.url, "VqaUser", "CaptionUser")
    assert done.returncode == 2
    assert "otmv: name one user class" in done.stderr
    absent = locust("http://127.0.0.1:1", "VqaUser")
    assert absent.returncode == 2
    assert "otmv: http://127.0.0.1:1 does not answer" in absent.stderr
    assert "Traceback" not in absent.stderr


def test_every_command_in_the_documents_can_be_typed() -> None:
    pages = [ROOT / "README.md", ROOT / "loadtests" / "README.md"]
    text = "".join(path.read_text("utf-8") for path in pages).replace("\\\n", " ")
    lines = re.findall(r"^(?:\S*/)?locust (.*)$", text, re.MULTILINE)
    assert len(lines) >= 9
    ours = configargparse.ArgumentParser()
    add_options(ours)
    locusts = subprocess.check_output([sys.executable, "-m", "locust", "--help"], text=True)
    known = set(re.findall(r"--[a-z][a-z0-9-]*", ours.format_help() + locusts))
    for line in lines:
        typed = {word for word in line.split() if word.startswith("--")}
        assert typed <= known, line
        assert re.search(r" (Vqa|Caption|Reason|Mixed)User( |$)", line), line
