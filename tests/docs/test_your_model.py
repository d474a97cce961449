"""docs/your-model.md, typed line by line in an empty folder.

Tuning takes 20 steps here, and a part of the data is measured: what the commands do is judged. With
OTMV_WHOLE_WALK=1 each line is typed as it stands (an hour on two cores), and scores are judged.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.kit.live_server import ROOT, LiveServer, otmv

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

PAGE = (ROOT / "docs" / "your-model.md").read_text("utf-8")
BLOCKS = [block.strip() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)]
WHOLE = bool(os.environ.get("OTMV_WHOLE_WALK"))
SHORTER = {
    "otmv tune easy_vqa --out": " --steps 20",
    "otmv export": " --pictures 64",
    "otmv eval": " --limit 100",
}
URL = "http://127.0.0.1:8000"
FULL, HALF_IS_LOWER_BY, GREY = 0.97, 0.015, 0.70


class Walk:
    """An empty folder with the repository's examples, in which the page's lines are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "examples").symlink_to(ROOT / "examples")
        commands = folder / "commands"
        commands.mkdir()
        for name, words in {
            "otmv": (sys.executable, "-m", "cli.main"),
            "python": (sys.executable,),
            "pip": ("true",),  # what it installs is one of the packages for development
        }.items():
            command = commands / name
            command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
            command.chmod(0o755)
        inherited = {name: v for name, v in os.environ.items() if not name.startswith("OTMV_")}
        path = f"{commands}:{os.environ['PATH']}"
        self.environment = {**inherited, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}

    def type(self, block: str) -> str:
        """Type a block, as it stands or shorter; return what it prints."""
        if not WHOLE:
            for begins, more in SHORTER.items():
                block = re.sub(rf"^({re.escape(begins)}.*)$", rf"\1{more}", block, flags=re.M)
        done = subprocess.run(
            ["bash", "-ec", block],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"
        return done.stdout


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """Walked as far as the artifact."""
    walk = Walk(tmp_path_factory.mktemp("walk"))
    for block in BLOCKS[:3]:
        walk.type(block)
    return walk


@pytest.fixture(scope="module")
def server(walk: Walk) -> Iterator[LiveServer]:
    """The page's server, on a port that is free."""
    _, command, artifact, *_ = shlex.split(BLOCKS[3])
    cache = walk.folder / "cache"
    process = otmv(command, walk.folder / artifact, "--port", 0, "--cache-dir", cache)
    try:
        yield LiveServer(process)
    finally:
        process.kill()
        process.wait()


def scores(table: str) -> dict[str, float]:
    """Return the accuracy of every variant of a printed table."""
    return {name: float(score) for name, score in re.findall(r"│ (\w+) +│ +(\d\.\d+)", table)}


def test_the_check_draws_a_sheet_and_the_artifact_says_what_chose_and_what_reports(
    walk: Walk,
) -> None:
    assert (walk.folder / "runs/data-check/sheet.png").is_file()
    manifest = json.loads((walk.folder / "runs/easy-artifact/manifest.json").read_text())
    assert "easy-vqa" in manifest["domain"]["about"]
    assert "rectangle" in manifest["domain"]["words"]
    splits = json.dumps(manifest["splits"])
    assert "easy-vqa choose" in splits
    assert "easy-vqa report" in splits
    assert "easy-vqa test" not in splits


def test_curl_gets_an_answer(walk: Walk, server: LiveServer) -> None:
    body = json.loads(walk.type(BLOCKS[4].replace(URL, server.url)))
    (answer,) = body["answers"]
    labels = json.loads((walk.folder / "runs/easy-vqa/labels.json").read_text())
    assert answer["answer"] in labels
    if WHOLE:
        assert answer["answer"] == "green"


def test_every_variant_is_measured_over_http(walk: Walk, server: LiveServer) -> None:
    lines = BLOCKS[5].replace(URL, server.url).splitlines()
    found, grey = (scores(walk.type(line)) for line in lines)
    assert set(grey) == {"full"}
    assert "full" in found
    if WHOLE:
        manifest = json.loads((walk.folder / "runs/easy-artifact/manifest.json").read_text())
        blocks = {each["id"]: len(each["pattern"]) for each in manifest["variants"]}
        half = max(found[name] for name in found if 2 * blocks[name] <= blocks["full"])
        assert found["full"] >= FULL
        assert half >= found["full"] - HALF_IS_LOWER_BY
        assert grey["full"] <= GREY
