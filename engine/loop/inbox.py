"""What happens outside the loop: requests that come and leave, keys that change, the end."""

from __future__ import annotations

import threading
from collections import deque

from engine.errors import EngineStopped
from engine.requests.request import Request


class Inbox:
    """What the loop has not taken in yet. Filled from any thread, emptied by the engine's.

    `arrived` and `left` lose their first entry only when it has been dealt with, so that a fault
    meanwhile loses nothing.
    """

    def __init__(self) -> None:
        self.arrived: deque[Request] = deque()
        self.left: deque[int] = deque()
        self.closing = False
        self.stopped = False
        self._woken = False
        self._changed = threading.Condition()

    @property
    def filled(self) -> bool:
        """Whether anything has happened."""
        return bool(self.arrived or self.left or self._woken or self.closing)

    def add(self, request: Request) -> None:
        """Add a request.

        Raises:
            EngineStopped: nothing is taken in any more.
        """
        with self._changed:
            if self.stopped:
                raise EngineStopped
            self.arrived.append(request)
            self._changed.notify()

    def cancel(self, request_id: int) -> None:
        """Say that a request has left."""
        with self._changed:
            self.left.append(request_id)
            self._changed.notify()

    def wake(self) -> None:
        """Say that the resident keys may have changed."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        """Say that the loop is to end."""
        with self._changed:
            self.closing = True
            self._changed.notify()

    def stop(self) -> None:
        """Take nothing more: the loop has ended by a fault."""
        with self._changed:
            self.stopped = True

    def wait(self, timeout_s: float | None = None) -> bool:
        """Sleep until anything has happened, or the time is over; tell whether anything has."""
        with self._changed:
            return self._changed.wait_for(lambda: self.filled, timeout_s)

    def was_woken(self) -> bool:
        """Tell whether `wake` was called since this was asked last."""
        with self._changed:
            woken, self._woken = self._woken, False
        return woken
