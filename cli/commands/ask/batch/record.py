"""What a batch has done so far, on disk: lines that are appended whole, and the file in the end.

While a batch runs, `OUT.partial` has a line for each that is done, in the order they were done,
with the number and the hash of its input. The same command skips those whose input is unchanged.
In the end OUT is written in the order of the input, at once, and the partial file goes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cli.commands.ask.batch.lines import LONGEST_LINE_BYTES, line_hash


@dataclass(frozen=True)
class InputLine:
    """A line of the input: its number, counted from 1, and its text without its end."""

    number: int
    text: bytes


def input_lines(path: Path) -> Iterator[InputLine]:
    """Yield the lines that are not empty; of one that is too long, just too much.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        number = 0
        while text := stream.readline(LONGEST_LINE_BYTES + 2):
            number += 1
            if not text.endswith(b"\n") and len(text) > LONGEST_LINE_BYTES:
                while (rest := stream.readline(2**20)) and not rest.endswith(b"\n"):
                    pass
            if text.strip():
                yield InputLine(number, text.rstrip(b"\r\n"))


class BatchRecord:
    """The partial file of a batch.

    Attributes:
        done: the hash of each line that is done, by its number.
        failed: the number of each line that has an error in place of an answer.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.partial = out.with_name(f"{out.name}.partial")
        self.done: dict[int, str] = {}
        self.failed: set[int] = set()

    def __enter__(self) -> Self:
        """Read what is there, and cut off what a kill has left half-written.

        Raises:
            OSError: it cannot be read or written.
        """
        self._stream = self.partial.open("a+b")
        self._stream.seek(0)
        whole_bytes = 0
        for text in self._stream:
            try:
                entry = json.loads(text)
                self._note(entry["line"], entry["hash"], entry["out"])
            except (ValueError, KeyError, TypeError):
                break
            whole_bytes += len(text)
        self._stream.truncate(whole_bytes)
        return self

    def __exit__(self, *ended_by: object) -> None:
        self._stream.close()
        if not self.done:
            self.partial.unlink(missing_ok=True)

    def has(self, line: InputLine) -> bool:
        """Return whether a line is done, as it is now."""
        return self.done.get(line.number) == line_hash(line.text)

    def add(self, line: InputLine, out: Mapping[str, Any]) -> None:
        """Append what came of a line.

        Raises:
            OSError: it cannot be written.
        """
        found = line_hash(line.text)
        entry = {"line": line.number, "hash": found, "out": out}
        self._stream.write(json.dumps(entry).encode() + b"\n")
        self._stream.flush()
        self._note(line.number, found, out)

    def finish(self, source: Path) -> None:
        """Write OUT, a line for each of the input, in its order; the partial file goes.

        Raises:
            OSError: it cannot be written.
        """
        places = self._places()
        handle, temporary = tempfile.mkstemp(prefix=f".{self.out.name}.tmp-", dir=self.out.parent)
        try:
            with os.fdopen(handle, "wb") as written, self.partial.open("rb") as partial:
                for line in input_lines(source):
                    partial.seek(places[line.number])
                    said = json.loads(partial.readline())["out"]
                    written.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")
            Path(temporary).chmod(0o644)
            Path(temporary).replace(self.out)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        self.partial.unlink()

    def _places(self) -> dict[int, int]:
        """Return where the newest entry of each line begins."""
        found, place = {}, 0
        self._stream.flush()
        with self.partial.open("rb") as partial:
            for text in partial:
                found[json.loads(text)["line"]] = place
                place += len(text)
        return found

    def _note(self, number: int, found: str, out: Mapping[str, Any]) -> None:
        self.done[number] = found
        status = (out.get("response") or {}).get("status_code", 200)
        if out.get("error") is not None or status != 200:
            self.failed.add(number)
        else:
            self.failed.discard(number)
