"""What can go wrong with a generated world."""

from __future__ import annotations


class WorldError(Exception):
    """A world cannot be written, read or asked about; the one-line message says what to do."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(f"{problem}: {fix}")
        self.problem = problem
        self.fix = fix
