"""The resident memory of a server and all its processes, watched. Reads Linux's /proc."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import sysconf
from pathlib import Path

from loadtests.kit.processes.tree import tree

_EVERY_S = 0.05


def resident_mb(root: int) -> float:
    """Return the resident set of a process and of all that descend from it, together, in MB."""
    pages = 0
    for process in tree(root):
        try:
            pages += int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except OSError:  # it has ended
            continue
    return pages * sysconf("SC_PAGE_SIZE") / 1e6


class Watched:
    """What was seen so far, in MB."""

    def __init__(self, first_mb: float) -> None:
        self.first_mb = self.most_mb = first_mb

    @property
    def grew_mb(self) -> float:
        """How far it was above its beginning at most."""
        return self.most_mb - self.first_mb


@contextmanager
def watching(root: int) -> Iterator[Watched]:
    """Look at a server's memory every 50 ms until the block ends."""
    seen = Watched(resident_mb(root))
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY_S):
            seen.most_mb = max(seen.most_mb, resident_mb(root))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
