"""What the front adds to a request's time, learned from recent ones."""

from __future__ import annotations

from server.front.recent_time import RecentTime

_WIRE_S = 1e-3
"""What the socket takes after the response is written."""


class FrontTimes:
    """High quantiles of recent times, each with what the event loop was late.

    Attributes:
        handing_over: what decoding took beyond what its work was predicted to take.
        reply: from the engine's answer to the last byte written.
        writing: from the making of a response to its last byte written.
    """

    def __init__(self) -> None:
        self.handing_over = RecentTime()
        self.reply = RecentTime(extra_s=_WIRE_S)
        self.writing = RecentTime(0.99, extra_s=_WIRE_S)
