"""A server's processes: their processor time, and their end. Reads Linux's /proc."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """One process; pid and start time together are never used again."""

    pid: int
    parent: int
    started: int
    cpu_s: float


def tree(root: int) -> list[Process]:
    """Return a process and all that descend from it; nothing where /proc is not there."""
    known = {found.pid: found for found in map(_read, _PROC.glob("[0-9]*")) if found is not None}
    inside = {root}
    while grown := {p.pid for p in known.values() if p.parent in inside} - inside:
        inside |= grown
    return [known[pid] for pid in sorted(inside & known.keys())]


def _read(folder: Path) -> Process | None:
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has ended
        return None
    ticks = int(fields[11]) + int(fields[12])
    cpu_s = ticks / os.sysconf("SC_CLK_TCK")
    return Process(int(folder.name), int(fields[1]), int(fields[19]), cpu_s)


def tree_cpu_s(root: int) -> float:
    """Return the processor seconds that a process and its living descendants have used."""
    return sum(process.cpu_s for process in tree(root))


def stop_tree(process: subprocess.Popen[bytes], grace_s: float) -> None:
    """Ask a process to end; after `grace_s`, kill it and what is left of its descendants."""
    members = tree(process.pid)
    process.terminate()
    limit_s = time.monotonic() + grace_s
    while process.poll() is None and time.monotonic() < limit_s:
        time.sleep(0.05)
    for member in members:
        now = _read(_PROC / str(member.pid))
        if now is not None and now.started == member.started:
            os.kill(member.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()
