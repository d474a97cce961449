"""The requests that the loop has taken in, and their rows in the order of urgency."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from itertools import takewhile

from engine.elastic.snapshot import RowView, urgency
from engine.requests.request import PATIENCE_S, Request


class TakenIn:
    """A table and a sorted list of the same requests. Belongs to the engine's thread.

    What changes both may be done again after a fault: `add` and `remove` then do what is left.
    """

    def __init__(self) -> None:
        self.requests: dict[int, Request] = {}
        self.views: list[RowView] = []

    def of(self, views: Iterable[RowView]) -> list[Request]:
        """Return the requests of rows that still run."""
        return [self.requests[view.id] for view in views if view.id in self.requests]

    def add(self, request: Request) -> None:
        """Take a request in."""
        if request.id not in self.requests:
            self.requests[request.id] = request
            insort(self.views, request.view, key=urgency)

    def remove(self, request: Request) -> None:
        """Forget a request."""
        place = bisect_left(self.views, urgency(request.view), key=urgency)
        if place < len(self.views) and self.views[place] is request.view:
            del self.views[place]
        self.requests.pop(request.id, None)

    def mend(self) -> None:
        """Put the rows in order again, whatever a fault has left."""
        self.views = sorted((each.view for each in self.requests.values()), key=urgency)

    def prolong(self, now: float) -> None:
        """Let requests without a deadline be scheduled against a later one."""
        overdue = takewhile(lambda view: view.deadline_s <= now, self.views)
        for view in [view for view in overdue if not self.requests[view.id].has_deadline]:
            self._put_off(view, now + PATIENCE_S)

    def first_word_came(self, request: Request, now: float) -> None:
        """Let a request be scheduled against its own deadline from its first word on."""
        due_s = request.deadline_s - request.reply_s if request.has_deadline else now + PATIENCE_S
        self._put_off(request.view, due_s)
        request.view.expires_s = request.expires_s

    def _put_off(self, view: RowView, deadline_s: float) -> None:
        del self.views[bisect_left(self.views, urgency(view), key=urgency)]
        view.deadline_s = deadline_s
        insort(self.views, view, key=urgency)
