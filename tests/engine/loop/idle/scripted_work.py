"""Idle work that does what a test says, and notes what was asked of it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class ScriptedWork:
    """Has `pieces` pieces; each calls `do` first."""

    def __init__(self, pieces: int, do: Callable[[], None] = lambda: None) -> None:
        self.left = pieces
        self.do = do
        self.heard: list[str] = []
        self.ended = threading.Event()

    def wanted(self) -> bool:
        return self.left > 0

    def piece(self) -> bool:
        self.do()
        self.left -= 1
        self.heard.append("piece")
        if not self.left:
            self.ended.set()
        return True

    def pause(self) -> None:
        self.heard.append("pause")

    def drop(self) -> None:
        self.heard.append("drop")
