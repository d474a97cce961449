"""README's examples, typed as they stand there at a real server beside busy processes."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from loadtests.kit.processes.busy import busy_processes
from tests.server.kit.live_server import ROOT, LiveServer, serving

pytestmark = pytest.mark.e2e

README = (ROOT / "README.md").read_text("utf-8")
SECTION = README.partition("\n## Ask\n")[2].partition("\n## ")[0]
URL = "http://127.0.0.1:8000"
BUSY = 2


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.S)


def command_lines() -> list[str]:
    lines = [each for block in blocks("bash") for each in block.replace("\\\n", " ").splitlines()]
    return [" ".join(line.split()) for line in lines]


def typed(line: str, server: LiveServer) -> str:
    """Return what a line of README prints, asked of this server."""
    words = shlex.split(line.replace(URL, server.url))
    if words[0].endswith("/otmv"):
        words = [sys.executable, "-m", "cli.main", *words[1:], "--url", server.url]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stderr == ""
    return done.stdout


def kinds(value: Any) -> Any:
    """Return a JSON value with its numbers as kinds; texts, truth values and names stay."""
    if isinstance(value, dict):
        return {name: kinds(each) for name, each in value.items()}
    if isinstance(value, list):
        return [kinds(each) for each in value]
    return type(value).__name__ if type(value) in (int, float) else value


ASKED, SHOWN, CAPTIONED, JUDGED = command_lines()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    demo, cache = ROOT / "examples" / "demo-artifact", tmp_path_factory.mktemp("cache")
    with serving(demo, cache) as live, busy_processes(BUSY):
        yield live


def test_the_json_is_a_live_one(server: LiveServer) -> None:
    (shown,) = map(json.loads, blocks("json"))
    live = json.loads(typed(ASKED, server))
    shown["request_id"] = live["request_id"]
    assert list(live) == list(shown)
    assert list(live["answers"][0]) == list(shown["answers"][0])
    assert kinds(live) == kinds(shown)
    for field in ("score", "variant_quality", "executed_blocks"):
        assert live["answers"][0][field] == shown["answers"][0][field], field


def test_what_ask_prints_is_shown(server: LiveServer) -> None:
    (shown,) = blocks("text")

    def steady(text: str) -> list[str]:
        return [re.sub(r"\d+\.\d( ms|,|$| in)", r"N\1", line) for line in text.splitlines()]

    assert steady(typed(SHOWN, server)) == steady(shown)


@pytest.mark.parametrize(
    ("line", "first"),
    [
        (ASKED, None),
        (SHOWN, "4  0.914"),
        (
            CAPTIONED,
            "a large blue square, a small yellow triangle, "
            "a large green circle and a small red cross",
        ),
        (JUDGED, "true  "),
    ],
)
def test_every_example_is_answered_rightly_every_time(
    server: LiveServer, line: str, first: str | None
) -> None:
    for _ in range(5):
        said = typed(line, server)
        if first is None:
            assert json.loads(said)["answers"][0]["answer"] == "green"
        else:
            assert said.startswith(first)
