"""Records of JSON files, one at a time: lines, or the elements of one array.

Memory is that of a record, whatever the file's size. A broken line is skipped; behind a broken
element nothing can be read, so the file counts as broken from there.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tuning.data.problems import BadRecord, ProblemKind, Problems

_CHUNK_BYTES = 4 * 2**20
_MOST_CHARACTERS = 64 * 2**20
"""A record that is longer is taken for a broken one."""
_SPACE = " \t\r\n"
_AGAIN = "copy or download it again"

Placed = tuple[str, Any]
"""Where a record stands, and what it holds."""


def line_records(path: Path, problems: Problems) -> Iterator[Placed]:
    """Yield the value on each line of a file; broken lines are noted and skipped."""
    try:
        with path.open("rb") as file:
            yield from _lines(file, path, problems)
    except OSError as error:
        _unreadable(path, error, problems)


def array_records(path: Path, field: str | None, problems: Problems) -> Iterator[Placed]:
    """Yield the elements of the array in a file, or of the array in its object's field `field`.

    A file that is none, or breaks off, is noted; what stands before the break is yielded.
    """
    count = 0
    try:
        with path.open("rb") as file:
            for element in _elements(_JsonPieces(file), field):
                count += 1
                yield f"{path.name}, record {count}", element
    except OSError as error:
        _unreadable(path, error, problems)
    except BadRecord as error:
        what = f"{error} after {count:,} records: {_AGAIN}" if count else f"{error}"
        problems.add(ProblemKind.FILE, path, what)


def _unreadable(path: Path, error: OSError, problems: Problems) -> None:
    what = f"cannot be read ({error.strerror}): {_AGAIN}"
    problems.add(ProblemKind.FILE, path, what)


def _lines(file: BinaryIO, path: Path, problems: Problems) -> Iterator[Placed]:
    number = 0
    while line := file.readline(_MOST_CHARACTERS):
        number += 1
        where = f"{path.name}, line {number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            if not line.endswith(b"\n"):
                what = f"breaks off in line {number} (no JSON, no end of line): {_AGAIN}"
                problems.add(ProblemKind.FILE, path, what)
            else:
                problems.bad_record(where, BadRecord("is no JSON: mend the line, or take it out"))
            continue
        yield where, value


def _elements(text: _JsonPieces, field: str | None) -> Iterator[Any]:
    """Yield the elements of the wanted array; a field before it is read over."""
    wanted = "an array" if field is None else f'an object with the array "{field}"'
    opening = text.peek()
    if field is not None:
        if opening != "{":
            raise BadRecord(_other(opening, wanted))
        _go_to(text, field, wanted)
    elif opening != "[":
        raise BadRecord(_other(opening, wanted))
    text.take("[")
    if text.peek() == "]":
        return
    while True:
        yield text.value()
        if text.peek() == "]":
            return
        text.take(",")


def _go_to(text: _JsonPieces, field: str, wanted: str) -> None:
    """Move to the beginning of the value of one field of an object."""
    text.take("{")
    while text.peek() != "}":
        name = text.value()
        text.take(":")
        if name == field:
            return
        text.value()
        if text.peek() != "}":
            text.take(",")
    raise BadRecord(f'has no field "{field}": it should be {wanted}')


def _other(opening: str, wanted: str) -> str:
    if not opening:
        return "is empty: copy or download it again"
    return f"begins with {opening!r}: it should be {wanted}"


class _JsonPieces:
    """The text of a JSON file, read in pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._scan = json.JSONDecoder().raw_decode
        self._text, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Return the next character that is no white space, or nothing at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, mark: str) -> None:
        """Go past a mark.

        Raises:
            BadRecord: something else stands there.
        """
        found = self.peek()
        if found != mark:
            raise BadRecord(f"has {found!r} where {mark!r} belongs" if found else "breaks off")
        self._at += 1

    def value(self) -> Any:
        """Return the next value.

        Raises:
            BadRecord: it is broken, or the file ends in it.
        """
        self.peek()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except RecursionError:
                raise BadRecord("is nested too deeply") from None
            except ValueError:
                end = len(self._text)
            else:
                if end < len(self._text) or self._ended:
                    self._at = end
                    return value
            if len(self._text) - self._at > _MOST_CHARACTERS or not self._more():
                raise BadRecord("breaks off" if self._ended else "holds what is no JSON")

    def _more(self) -> bool:
        """Read on; what was gone past is forgotten. Twice as much if a value goes on for long."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        try:
            piece = self._file.read(max(_CHUNK_BYTES, len(rest)))
            self._text = rest + self._decoder.decode(piece, not piece)
        except UnicodeDecodeError:
            raise BadRecord("is no UTF-8 text") from None
        self._at, self._ended = 0, not piece
        return True
