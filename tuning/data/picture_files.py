"""Where a data set's pictures lie."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

MOST_BYTES = 64 * 2**20
"""A larger file is taken for no picture."""


class PictureFolders:
    """Finds pictures by the names that a format gives them.

    A folder's entries are listed once, so that many pictures cost few calls.

    Args:
        folders: looked into in turn.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
        self._entries: dict[Path, frozenset[str]] = {}

    def find(self, name: str) -> Path | str:
        """Return a picture's path, or what is wrong with it and how that is mended.

        A name that leads out of the folders is refused: data is often a stranger's.
        """
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not inside.name or "\0" in name:
            return "lies outside of the picture folder: name it from there on"
        for folder in self._folders:
            place = folder.joinpath(*inside.parts[:-1])
            if inside.name in self._listed(place):
                return problem_of_file(place / inside.name) or place / inside.name
        return "is not there: copy it, or say where pictures lie (--pictures)"

    def _listed(self, folder: Path) -> frozenset[str]:
        if folder not in self._entries:
            try:
                self._entries[folder] = frozenset(os.listdir(folder))
            except OSError:
                self._entries[folder] = frozenset()
        return self._entries[folder]


def problem_of_file(path: Path) -> str | None:
    """Return what is wrong with a file before it is opened; a pipe would keep us waiting."""
    try:
        kind = path.stat()
    except OSError as error:
        return f"cannot be read ({error.strerror}): copy it again"
    if stat.S_ISDIR(kind.st_mode):
        return "is a folder, not a picture: put the picture's file there"
    if not stat.S_ISREG(kind.st_mode):
        return "is no file: put the picture's file there"
    if kind.st_size == 0:
        return "is empty (0 bytes): copy it again"
    if kind.st_size > MOST_BYTES:
        return f"has more than {MOST_BYTES // 2**20} MiB: save it smaller"
    return None
