"""How many requests a batch has open at once: decided by the server's answers, and by nothing else.

Additive increase, multiplicative decrease (Chiu and Jain, 1989): each answer raises the limit a
little, a refusal halves it, once for all requests that were sent before it was halved.
"""

from __future__ import annotations

from dataclasses import dataclass

_FEWEST, _FIRST = 1.0, 4.0


@dataclass
class Pace:
    """The limit now, and until when nothing is sent. Times are seconds on a monotonic clock.

    Attributes:
        most: the limit is never higher.
        limit: requests that may be open; a part of one counts when it has become whole.
        resumes_s: before it nothing is sent.
        lowered_s: when the limit was last halved.
    """

    most: int
    limit: float = _FIRST
    resumes_s: float = 0.0
    lowered_s: float = 0.0

    def __post_init__(self) -> None:
        self.limit = min(self.limit, float(self.most))

    def may_send(self, open_requests: int, now_s: float) -> bool:
        """Return whether one more request may be sent."""
        return now_s >= self.resumes_s and open_requests < int(self.limit)

    def answered(self) -> None:
        """Raise the limit: by one in the time that it takes to answer all open requests."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)

    def refused(self, sent_s: float, now_s: float, wait_s: float) -> None:
        """Halve the limit, unless that was done after the request was sent; send nothing a while.

        Args:
            sent_s: when the request was sent.
            now_s: when it was refused.
            wait_s: what the server asks to wait.
        """
        self.resumes_s = max(self.resumes_s, now_s + wait_s)
        if sent_s >= self.lowered_s:
            self.limit = max(_FEWEST, self.limit / 2)
            self.lowered_s = now_s
