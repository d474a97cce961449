"""Processes of ours beside the server: started, told what to do, listened to at their end."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.kit.errors import BenchError
from loadtests.kit.processes.child import environment, module_words

_FIRST = -10
"""Niceness of processes that take the time: else they would measure their own waiting."""


class Beside:
    """A process that works beside this one."""

    def __init__(self, process: subprocess.Popen[str], what: str) -> None:
        self.process = process
        self._what = what

    def wait_until_ready(self) -> None:
        """Wait for its first line, or its end."""
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def result(self) -> str:
        """Wait for its end, and return what it printed.

        Raises:
            BenchError: it failed.
        """
        said, _ = self.process.communicate()
        if self.process.returncode != 0:
            raise BenchError(f"{self._what} ended with {self.process.returncode}")
        return said


@contextmanager
def beside(module: str, job: str, what: str) -> Iterator[Beside]:
    """Run a module of ours, `job` on its standard input; it does not outlive the block."""
    with tempfile.TemporaryFile("w+") as given:
        given.write(job)
        given.seek(0)
        process = subprocess.Popen(
            module_words(module),
            stdin=given,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        try:
            yield Beside(process, what)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


def run_beside(module: str, job: str, what: str) -> str:
    """Run a module of ours to its end, and return what it printed.

    Raises:
        BenchError: it failed.
    """
    with beside(module, job, what) as found:
        return found.result()


def go_first() -> bool:
    """Let this process run before the server's, if we may; return whether we may."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _FIRST)
    except OSError:
        return False
    return True


def raise_files() -> None:
    """Raise this process's limit of open files as far as it may."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
