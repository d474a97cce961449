"""Standard streams as they may be found: closed, in any encoding, or read by one who leaves."""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO, cast

_WANTED = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare_streams() -> None:
    """Open what is closed, and let what an encoding lacks be written as escapes.

    A file or socket opened later would otherwise get a descriptor of 0 to 2, and what libraries
    print would go into it.
    """
    for descriptor, (name, mode) in enumerate(_WANTED):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def outlive_readers() -> None:
    """Go on, with nothing shown, when who reads standard output or error leaves."""
    sys.stdout = cast(TextIO, _Outliving(sys.stdout))
    sys.stderr = cast(TextIO, _Outliving(sys.stderr))


def flush_output() -> None:
    """Write what waits; if its reader has left, that is no error: it has seen enough."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _write_nowhere(sys.stdout)


def encodable(text: str, encoding: str) -> str:
    """Return a text with what an encoding lacks as TOML's and Python's escapes."""
    return "".join(
        each if each.encode(encoding, "ignore") else f"\\U{ord(each):08X}" for each in text
    )


class _Outliving:
    """A text stream whose reader may leave."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, or nothing."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            _write_nowhere(self._stream)
            return len(text)

    def flush(self) -> None:
        """Write what waits, or nothing."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            _write_nowhere(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _write_nowhere(stream: TextIO) -> None:
    """Let a stream's descriptor lead nowhere; what waits in it can then be written."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
