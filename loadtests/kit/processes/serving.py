"""A real `otmv serve` process."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.processes.child import ROOT, environment, module_words
from loadtests.kit.processes.started import started
from loadtests.kit.processes.tree import tree_cpu_s

_READY = re.compile(r"ready: http://([^:\s]+):(\d+)")
_START_LIMIT_S = 300.0
_GRACE_S = 30.0


@dataclass(frozen=True)
class ServerProcess:
    """Where a running server listens."""

    process: subprocess.Popen[bytes]
    host: str
    port: int

    def cpu_s(self) -> float:
        """Return the processor seconds it has used; 0 where Linux's /proc is not there."""
        return tree_cpu_s(self.process.pid)


@contextmanager
def serving(
    artifact: Path,
    backend: str,
    cache: Path,
    settings: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    tree: Path = ROOT,
) -> Iterator[ServerProcess]:
    """Serve an artifact on a free port until the block ends.

    Args:
        artifact: its folder.
        backend: the library it runs on.
        cache: where latency profiles are kept.
        settings: further variables of its environment.
        wrapper: the words of a command that runs it.
        tree: the work tree whose code serves it.

    Raises:
        BenchError: it did not become ready.
    """
    words = ["serve", str(artifact), "--port", "0", "--backend", backend, "--cache-dir", str(cache)]
    command = [*wrapper, *module_words("cli.main", *words)]
    private = {"OTMV_ACCESS_LOG": "false", "COLUMNS": "200", **(settings or {})}
    code, folder = environment(tree) | private, None if tree == ROOT else tree
    with started(command, code, ready_address, _START_LIMIT_S, _GRACE_S, folder) as found:
        process, (host, port) = found
        yield ServerProcess(process, host, port)


def ready_address(said: str) -> tuple[str, int] | None:
    """Return where a server says it listens; None: it has not said so yet."""
    found = _READY.search(said)
    return None if found is None else (found[1], int(found[2]))
