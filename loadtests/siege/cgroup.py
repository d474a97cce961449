"""A memory limit by the kernel: a control group of our own, version 1 or 2. Needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.errors import BenchError

_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Group:
    """A control group. What a process in it starts is in it too."""

    folder: Path
    version: int

    @property
    def wrapper(self) -> tuple[str, ...]:
        """The words before a command that runs it in this group."""
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")

    @property
    def most_mb(self) -> float:
        """The most memory that was taken at once, in MB."""
        names = {1: "memory.max_usage_in_bytes", 2: "memory.peak"}
        return int((self.folder / names[self.version]).read_text()) / 1e6

    @property
    def killed(self) -> int:
        """How many processes the kernel has killed for it."""
        names = {1: "memory.oom_control", 2: "memory.events"}
        lines = (self.folder / names[self.version]).read_text().splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines)
        return int(found.get("oom_kill", 0))


@contextmanager
def limited(limit_bytes: int) -> Iterator[Group]:
    """Make a control group with a memory limit for all its processes together, and no swap.

    Raises:
        BenchError: this machine does not let us.
    """
    version = 1 if (_ROOT / "memory" / "memory.limit_in_bytes").exists() else 2
    folder = (_ROOT / "memory" if version == 1 else _ROOT) / f"otmv-siege-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        raise BenchError(f"no control group can be made: {error.strerror}; run as root") from error
    try:
        _limit(folder, version, limit_bytes)
        yield Group(folder, version)
    except PermissionError as error:
        raise BenchError(f"no memory limit can be set: {error.strerror}") from error
    finally:
        folder.rmdir()


def _limit(folder: Path, version: int, limit_bytes: int) -> None:
    names = {
        1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
        2: ("memory.max", "memory.swap.max"),
    }
    memory, swap = names[version]
    (folder / memory).write_text(str(limit_bytes))
    if (folder / swap).exists():
        (folder / swap).write_text("0" if version == 2 else str(limit_bytes))
