"""How many connections are parsed each turn of the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

_A_TURN = 128


class ParseTurns:
    """Lets few connections parse what they read each turn; the rest wait, first come, first served.

    While more than a thousand connections have something to read, libuv reads on and runs nothing
    else, up to 48 times. Were each read also parsed and perhaps refused, its client would send
    again meanwhile, and requests that are let in would wait for seconds.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._left = _A_TURN
        self._watches = False

    def take(self, loop: asyncio.AbstractEventLoop, parse: Callable[[], None]) -> None:
        """Parse now, or in a later turn; connections that wait are not overtaken."""
        if self._left and not self._waiting:
            self._left -= 1
            parse()
        else:
            self._waiting.append(parse)
        if not self._watches:
            self._watches = True
            loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin a turn."""
        count = min(len(self._waiting), _A_TURN)
        for _ in range(count):
            loop.call_soon(self._waiting.popleft())
        self._left = _A_TURN - count
        self._watches = count > 0
        if self._watches:
            loop.call_soon(self._turn, loop)
