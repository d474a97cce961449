"""Server-sent events, as the HTML standard has them, whoever reads the lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from otmv_serve.errors import ReplyUnreadable, ServerUnreachable, failure
from otmv_serve.replies import CaptionReply

LAST_EVENT = "done"


class EventReader:
    """Takes lines without their end; gives an event where a blank line ends one."""

    def __init__(self) -> None:
        self._name, self._data = "", list[str]()

    def take(self, line: str) -> tuple[str, Any] | None:
        """Return the name and the JSON of the event that this line ends, if it ends one.

        Raises:
            ReplyUnreadable: its data is no JSON.
        """
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                self._name = value
            elif field == "data":
                self._data.append(value)
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        if not data:
            return None
        try:
            return name, json.loads(data)
        except ValueError as error:
            raise ReplyUnreadable(f"no event of an otmv server: {data[:80]!r}") from error


def read_event(event: tuple[str, Any], read: Callable[[Any], CaptionReply]) -> str | CaptionReply:
    """Return the next piece of a caption, or the whole reply that ends its stream.

    Raises:
        RequestFailed: the caption failed after it had begun.
        ReplyUnreadable: it is no event of ours.
    """
    name, data = event
    if name == "error":
        status = data.get("status") if isinstance(data, dict) else None
        raise failure(status if isinstance(status, int) else 500, data)
    if name == LAST_EVENT:
        return read(data)
    if not isinstance(data, dict) or not isinstance(data.get("text"), str):
        raise ReplyUnreadable(f"no event of an otmv server: {name!r}")
    text: str = data["text"]
    return text


def broken_off() -> ServerUnreachable:
    """Return the error of a stream that ended before its last event."""
    return ServerUnreachable("the stream ended before the caption did", again=True)
