"""What a connection waits for."""

from __future__ import annotations

from enum import Enum, auto


class Awaits(Enum):
    """What a connection waits for; a request until its first byte has come."""

    REQUEST = auto()
    HEADERS = auto()
    BODY = auto()
    ANSWER = auto()
