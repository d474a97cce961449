"""schemathesis and redocly find nothing in the OpenAPI page of a real server: `make api-check`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from server.access.keys import fresh_key, sha256_of
from tests.server.kit.live_server import ROOT, LiveServer, serving

HERE = Path(__file__).parent
SCHEMATHESIS = ROOT / ".venv-api/bin/schemathesis"
KEY = fresh_key()


@pytest.fixture(scope="module", params=["without keys", "with keys"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LiveServer, list[str]]]:
    """A server of the demo, and the options by which a client may use it."""
    keys = f'{{"tester": {{"sha256": "{sha256_of(KEY)}", "operator": true}}}}'
    more, options = {}, []
    if request.param == "with keys":
        more, options = {"OTMV_KEYS": keys}, ["--header", f"Authorization:Bearer {KEY}"]
    cache = tmp_path_factory.mktemp("cache")
    with serving(ROOT / "examples/demo-artifact", cache, OTMV_RELOAD="true", **more) as live:
        yield live, options


def found(command: list[str], folder: Path) -> str:
    """Run a program in a folder, for what it leaves; return what it wrote, "" if it ended well."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.timeout(900)
def test_schemathesis_finds_nothing(served: tuple[LiveServer, list[str]], tmp_path: Path) -> None:
    live, options = served
    config = ["--config-file", str(HERE / "schemathesis.toml"), "run", f"{live.url}/openapi.json"]
    command = [str(SCHEMATHESIS), *config, "--checks", "all", "--seed", "1", *options]
    assert not found(command, tmp_path)


def test_redocly_finds_nothing(served: tuple[LiveServer, list[str]], tmp_path: Path) -> None:
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("the program `npx` is not installed")
    page = tmp_path / "openapi.json"
    page.write_bytes(httpx.get(f"{served[0].url}/openapi.json").content)
    command = [npx, "--yes", "@redocly/cli@2", "lint", "--format", "json", str(page)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}
