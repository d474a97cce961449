"""Where a data set's pictures lie."""

from __future__ import annotations

import os
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
        self._entries: dict[Path, dict[str, os.DirEntry[str]]] = {}

    def find(self, name: str) -> Path | str:
        """Return a picture's path, or what is wrong with it and how that is mended.

        A name that leads out of the folders is refused: data is often a stranger's.
        """
        inside = PurePosixPath(name)
        if inside.is_absolute() or ".." in inside.parts or not inside.name or "\0" in name:
            return "lies outside of the picture folder: name it from there on"
        for folder in self._folders:
            entry = self._listed(folder.joinpath(*inside.parts[:-1])).get(inside.name)
            if entry is not None:
                return _problem_of(entry) or Path(entry.path)
        return "is not there: copy it, or say where pictures lie (--pictures)"

    def _listed(self, folder: Path) -> dict[str, os.DirEntry[str]]:
        if folder not in self._entries:
            try:
                with os.scandir(folder) as found:
                    self._entries[folder] = {entry.name: entry for entry in found}
            except OSError:
                self._entries[folder] = {}
        return self._entries[folder]


def _problem_of(entry: os.DirEntry[str]) -> str | None:
    """Return what is wrong with a file before it is opened; a pipe would keep us waiting."""
    try:
        if entry.is_dir():
            return "is a folder, not a picture: put the picture's file there"
        if not entry.is_file():
            return "is no file: put the picture's file there"
        size_bytes = entry.stat().st_size
    except OSError as error:
        return f"cannot be read ({error.strerror}): copy it again"
    if size_bytes == 0:
        return "is empty (0 bytes): copy it again"
    if size_bytes > MOST_BYTES:
        return f"has more than {MOST_BYTES // 2**20} MiB: save it smaller"
    return None
