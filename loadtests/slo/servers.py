"""The sides: our server, and rivals in an environment of their own, started one at a time."""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.processes.child import ROOT, environment
from loadtests.kit.processes.serving import serving
from loadtests.kit.processes.started import started
from loadtests.rivals.options import PATH, RivalOptions


@dataclass(frozen=True)
class KnownRival:
    """A rival: the package it needs, and the backend of ours on the library it runs graphs on.

    `spins`: whether the threads of that library can be told to spin while they wait.
    """

    package: str
    backend: str
    spins: bool = True


RIVALS = {
    "litserve": KnownRival("litserve", "onnxruntime"),
    "ray": KnownRival("ray", "onnxruntime"),
    "mosec": KnownRival("mosec", "onnxruntime"),
    "openvino": KnownRival("openvino", "openvino", spins=False),
}
"""Rivals by name; the program of each is `loadtests.rivals.<rival>_`."""

ENVIRONMENT = ROOT / ".venv-rivals"
MAKE = "make .venv-rivals/.installed"
"""The one line to type where a rival is missing."""

_START_LIMIT_S = 120.0
_GRACE_S = 15.0


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    pid: int
    host: str
    port: int


def version_in(folder: Path, library: str) -> str | None:
    """Return the version of a library in an environment, None if it is not there."""
    for found in folder.glob(f"lib/*/site-packages/{library}-*.dist-info"):
        return found.name.removesuffix(".dist-info").partition("-")[2]
    return None


def missing(rival: str, folder: Path) -> str | None:
    """Return what to type if an environment cannot run a rival."""
    package = RIVALS[rival].package
    there = version_in(folder, package) is not None
    return None if there else f"{package} is not installed: {MAKE}"


@contextmanager
def ours(artifact: Path, cache: Path, backend: str = "onnxruntime") -> Iterator[Running]:
    """Run `otmv serve` as it comes, its access log too, on one backend until the block ends.

    Raises:
        BenchError: it did not become ready.
    """
    with serving(artifact, backend, cache, {"OTMV_ACCESS_LOG": "true"}) as server:
        yield Running(server.process.pid, server.host, server.port)


@contextmanager
def rival(folder: Path, name: str, options: RivalOptions, probe: str) -> Iterator[Running]:
    """Run a rival's program with its options until the block ends.

    Args:
        folder: the environment with the rivals' libraries.
        name: of `RIVALS`.
        options: its settings.
        probe: the JSON of a request; the server is ready once it answers that.

    Raises:
        BenchError: it did not become ready.
    """
    program = [str(folder / "bin" / "python"), "-P", "-m", f"loadtests.rivals.{name}_"]

    def answers(_: str) -> int | None:
        return options.port if ask("127.0.0.1", options.port, probe) == 200 else None

    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        started(
            [*program, options.to_json()],
            _environment(scratch),
            answers,
            _START_LIMIT_S,
            _GRACE_S,
            Path(scratch),
        ) as (process, port),
    ):
        yield Running(process.pid, "127.0.0.1", port)


def _environment(scratch: str) -> dict[str, str]:
    private = {"TMPDIR": scratch, "RAY_TMPDIR": scratch, "RAY_USAGE_STATS_ENABLED": "0"}
    return {**environment(), **private}


def ask(host: str, port: int, body: str, timeout_s: float = 60.0) -> int:
    """Send one question and return the status, 0 if nothing answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return response.status
    finally:
        connection.close()
