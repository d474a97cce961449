"""Images and containers for `make image-test`, by buildah and podman or by docker.

The environment may say how, which no other test reads:

- `BASE_IMAGE`: instead of the Dockerfile's own
- `IMAGE_TEST_BUILD`: the words that build, up to their options, as `docker build`
- `IMAGE_TEST_RUN`: the words before `run`, `exec` and the like, as `podman`
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from loadtests.kit.processes.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
HARDENED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")
"""What deploy/compose.yaml asks for."""


def _words(name: str) -> tuple[str, ...]:
    return tuple(shlex.split(os.environ.get(name, "")))


def builder() -> tuple[str, ...]:
    """Return the words that build an image."""
    if shutil.which("buildah") and shutil.which("podman"):
        found: tuple[str, ...] = ("buildah", "build", "--format", "docker")  # keeps HEALTHCHECK
    else:
        found = ("docker", "build")
    return _words("IMAGE_TEST_BUILD") or found


def runner() -> tuple[str, ...]:
    """Return the words before `run`."""
    found = "podman" if shutil.which("buildah") and shutil.which("podman") else "docker"
    return _words("IMAGE_TEST_RUN") or (found,)


def build(target: str, **arguments: str) -> str:
    """Build a target of the Dockerfile and return its tag."""
    if base := os.environ.get("BASE_IMAGE"):
        arguments["BASE_IMAGE"] = base
    tag = f"localhost/otmv-{target}:image-test"
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    words = [*builder(), *given, f"--target={target}", f"--tag={tag}", f"--file={ROOT}/Dockerfile"]
    done = subprocess.run(
        [*words, str(ROOT)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout[-4000:]}"
    return tag


@dataclass(frozen=True)
class Ended:
    """A command that ended: its exit code, and its output and errors together."""

    code: int
    said: str


def call(*words: str) -> Ended:
    """Run one command of podman or docker."""
    try:
        done = subprocess.run(
            [*runner(), *words],
            cwd=tempfile.gettempdir(),  # podman's monitor leaves a file where memory ran out
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    except FileNotFoundError as error:
        pytest.fail(f"{error.filename} is not installed (Debian: apt-get install buildah podman)")
    return Ended(done.returncode, done.stdout)


def asked(*words: str) -> str:
    """Run one command that must succeed and return what it said."""
    ended = call(*words)
    assert ended.code == 0, f"{words}: {ended.said}"
    return ended.said


def inspected(name: str) -> dict[str, Any]:
    """Return what is known of an image or a container."""
    found: list[dict[str, Any]] = json.loads(asked("inspect", name))
    return found[0]


@dataclass(frozen=True)
class Container:
    """A container of the server, and where it listens."""

    name: str
    url: str

    @property
    def running(self) -> bool:
        return bool(inspected(self.name)["State"]["Running"])

    def python(self, code: str) -> Ended:
        """Run a line of Python inside, as the user of the server."""
        return call("exec", self.name, "python", "-c", code)

    def healthy(self) -> bool:
        """Run the image's own health check."""
        if runner()[0].endswith("podman"):
            return call("healthcheck", "run", self.name).code == 0
        test = inspected(self.name)["Config"]["Healthcheck"]["Test"]
        assert test[0] == "CMD"
        return call("exec", self.name, *test[1:]).code == 0

    def state(self) -> str | None:
        """Return what /healthz says, None while nothing listens."""
        try:
            answer = httpx.get(f"{self.url}/healthz", timeout=5)
        except httpx.TransportError:
            return None
        return str(answer.json()["state"])

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something while the container runs."""
        end_s = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.running, asked("logs", self.name)
            assert time.monotonic() < end_s, f"{what}: {asked('logs', self.name)}"
            time.sleep(0.1)

    def terminate(self) -> None:
        """Send SIGTERM and return at once."""
        asked("kill", "--signal=TERM", self.name)

    def exit_code(self) -> int:
        """Wait for the end."""
        return int(asked("wait", self.name).split()[-1])


@contextmanager
def container(image: str, *flags: str, **environment: str) -> Iterator[Container]:
    """Run the server, locked up as deploy/compose.yaml does, until the block ends.

    It listens on the same port inside and outside, so that a network of its own is not needed.
    """
    name, port = f"otmv-image-test-{uuid.uuid4().hex[:8]}", free_port()
    given = [f"--env={key}={value}" for key, value in environment.items()]
    asked(
        *("run", "--detach", f"--name={name}", *HARDENED, *flags, *given),
        *(f"--env=OTMV_PORT={port}", f"--publish=127.0.0.1:{port}:{port}", image),
    )
    try:
        yield Container(name, f"http://127.0.0.1:{port}")
    finally:
        call("rm", "--force", "--volumes", name)
