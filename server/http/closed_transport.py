"""Writing to a connection that its client has reset: nothing happens, as on asyncio's own loop."""

from __future__ import annotations

import asyncio
from typing import Any


class ForgivingTransport:
    """A transport that drops what is written once it is closing; uvloop's would throw.

    A write to a connection that was reset closes it. The protocol hears of that a turn of the event
    loop later, and may write meanwhile.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Write, unless the connection is gone."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
