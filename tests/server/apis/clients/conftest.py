"""A real server with the demo, for clients that others wrote: `make test-clients`.

The clients live in an environment of their own, so nothing here imports this project.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "examples/demo-artifact"
OTMV = os.environ.get("OTMV_PROGRAM", str(ROOT / ".venv/bin/otmv"))
_READY = re.compile(r"ready: (http://\S+)")
_GRPC = re.compile(r"gRPC: (\S+)")
Serve = Callable[..., str]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Serve the demo with some settings, in a process of its own each; their addresses."""
    cache = tmp_path_factory.mktemp("cache")
    with ExitStack() as servers:
        yield lambda settings, where=_READY: servers.enter_context(_serving(cache, settings, where))


@pytest.fixture(scope="session")
def server(serve: Serve) -> str:
    """Serve the demo; its address."""
    return serve({})


@pytest.fixture(scope="session")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a small model that makes vectors, tuned for four steps; its address."""
    folder = tmp_path_factory.mktemp("embedder")
    recipe = _otmv("tune", "--show", "demo-retrieval").replace("width = 192", "width = 32")
    recipe = recipe.replace("heads = 6", "heads = 2").replace(
        "embed.batch = 128", "embed.batch = 8"
    )
    (folder / "small.toml").write_text(recipe)
    tuned, artifact = folder / "tuned", folder / "artifact"
    short = ("--steps", "4", "--pictures", "16", "--cache", folder / "pool")
    _otmv("tune", folder / "small.toml", "--out", tuned, *short)
    _otmv("export", tuned, "--out", artifact, "--pictures", "16")
    with _serving(folder / "cache", {}, _READY, artifact) as address:
        yield address


def _otmv(*words: str | Path) -> str:
    command = [OTMV, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def grpc_address(serve: Serve) -> str:
    """Serve the demo with gRPC; where that listens."""
    return serve({"OTMV_GRPC_PORT": "0"}, _GRPC)


@contextmanager
def _serving(
    cache: Path, settings: dict[str, str], where: re.Pattern[str], artifact: Path = DEMO
) -> Iterator[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTMV_")}
    process = subprocess.Popen(
        [OTMV, "serve", str(artifact), "--port", "0", "--cache-dir", str(cache)],
        cwd=ROOT,
        env=inherited | {"OTMV_ACCESS_LOG": "false"} | settings,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    found = None
    for line in lines:
        found = where.search(line) or found
        if _READY.search(line):
            break
    assert found is not None, "the server has not started"
    try:
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
        process.wait(60)


@pytest.fixture(scope="session")
def picture() -> Path:
    """Return a picture file that the demo knows."""
    return min((DEMO / "golden/images").glob("*.jpg"))


@pytest.fixture(scope="session")
def otmv_python() -> str:
    """Return the interpreter beside the `otmv` program: it has the Python client."""
    return str(Path(OTMV).with_name("python"))
