"""A world written by `otmv world`, read for its cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class World:
    """A folder with pictures, and lines of JSON about them; a picture is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pictures: dict[str, bytes] = {}

    def picture(self, name: str) -> bytes:
        """Return a picture file.

        Raises:
            OSError: it cannot be read.
        """
        if name not in self._pictures:
            self._pictures[name] = (self._folder / name).read_bytes()
        return self._pictures[name]

    def lines(self, name: str, limit: int, *, missing_ok: bool = False) -> list[dict[str, Any]]:
        """Return the first lines of a file; none of one that may be missing.

        Raises:
            OSError: it cannot be read.
        """
        path = self._folder / name
        if missing_ok and not path.is_file():
            return []
        found = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]
        return found[:limit]
