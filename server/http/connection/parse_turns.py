"""How many connections are parsed each turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

_A_TURN = 128


class ParseTurns:
    """Lets few connections parse what they read each turn; the rest wait, first come, first served.

    While more than a thousand connections have something to read, libuv reads on and runs nothing
    else, up to 48 times. Were each read also parsed and perhaps refused, its client would send
    again meanwhile, and requests that are let in would wait for seconds. A connection waits once,
    and one that ends waits no more, so the line is never longer than there are connections.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[Callable[[], None], None] = OrderedDict()
        self._left = _A_TURN
        self._watches = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self, loop: asyncio.AbstractEventLoop, parse: Callable[[], None]) -> bool:
        """Parse now, or in a later turn; connections that wait are not overtaken.

        Returns whether it was now.
        """
        if not self._watches:
            self._watches = True
            loop.call_soon(self._turn, loop)
        if self._left and not self._waiting:
            self._left -= 1
            parse()
            return True
        self._waiting.setdefault(parse)
        return False

    def leave(self, parse: Callable[[], None]) -> None:
        """Wait no more."""
        self._waiting.pop(parse, None)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a turn."""
        count = min(len(self._waiting), _A_TURN)
        for _ in range(count):
            parse, _ = self._waiting.popitem(last=False)
            loop.call_soon(parse)
        self._left = _A_TURN - count
        self._watches = count > 0
        if self._watches:
            loop.call_soon(self._turn, loop)
