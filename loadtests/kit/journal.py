"""What a long run has found so far, kept so that the same command goes on where it was stopped.

A file of JSON, one document a line: first what the run is, then one entry for each thing measured,
on the disk before the next begins. A half-written last line (the power failed) is cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from loadtests.kit.errors import BenchError

_SHOWN = 60
"""Characters of a value in a refusal."""


class Journal:
    """Entries by key, in the order written. One run at a time may have it open."""

    def __init__(self, path: Path, file: IO[bytes], entries: dict[str, Any]) -> None:
        self.path = path
        self._file, self._entries = file, entries

    def get(self, key: str) -> Any | None:
        """Return an entry, None if it is not there."""
        return self._entries.get(key)

    def __getitem__(self, key: str) -> Any:
        """Return an entry.

        Raises:
            KeyError: it is not there.
        """
        return self._entries[key]

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: str, value: Any) -> None:
        """Write an entry; it survives whatever happens to this process afterwards.

        Raises:
            OSError: the disk refuses.
        """
        _append(self._file, {"key": key, "value": value})
        self._entries[key] = value


@contextmanager
def opened(path: Path, run: Mapping[str, Any], *, fresh: bool = False) -> Iterator[Journal]:
    """Open the journal of a run, or begin it, until the block ends.

    Args:
        path: the file.
        run: what its numbers depend on: machine, code, options. Values are JSON.
        fresh: begin anew, whatever is there.

    Raises:
        BenchError: it is of another run, is no journal, or another process has it open.
        OSError: the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BenchError(f"{path}: another run is writing it") from error
        if fresh:
            file.truncate(0)
        yield Journal(path, file, _read(path, file, run))


def _read(path: Path, file: IO[bytes], run: Mapping[str, Any]) -> dict[str, Any]:
    file.seek(0)
    text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        file.truncate(len(whole))
    lines = whole.splitlines()
    if not lines:
        _append(file, dict(run))
        return {}
    try:
        first, *rest = map(json.loads, lines)
        found = {each["key"]: each["value"] for each in rest}
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path} is no journal: name another with --journal") from error
    _compare(path, first, json.loads(json.dumps(run)))
    return found


def _compare(path: Path, known: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    for name in {**run, **known}:
        there, here = known.get(name), run.get(name)
        if there != here:
            raise BenchError(
                f"{path} is of another run: {name} was {_short(there)} and is {_short(here)}: "
                "--fresh begins anew, --journal names another file"
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _append(file: IO[bytes], document: Any) -> None:
    file.write(json.dumps(document, ensure_ascii=False).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
