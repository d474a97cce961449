"""When a client sends a request again: a pure decision, and its limits."""

from __future__ import annotations

from dataclasses import dataclass

from otmv_serve.errors import OtmvError, ServerBusy, ServerUnreachable

_OURS = "urn:otmv:problem:"


@dataclass(frozen=True)
class Retries:
    """How often a request is sent again, and how long a client waits for that.

    Questions change nothing on a server, so each may be sent again. That is done where the server
    takes no more now and a connection was refused or broke off; not where the request is at fault,
    the deadline is missed, the server failed, or it may still be at work on it (a timeout).

    Attributes:
        most: times that a request is sent again; 0 turns it off.
        first_wait_s: where the server does not say how long: the first wait. Each further one is
            twice as long.
        longest_wait_s: no wait is longer. A server that asks for a longer one is believed: its
            answer is raised at once.
    """

    most: int = 2
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def wait_s(
        self, error: OtmvError, sent_again: int, left_s: float | None, chance: float
    ) -> float | None:
        """Return the seconds to wait before the request is sent again; None: raise the error.

        Args:
            error: what came of it.
            sent_again: how often it was sent again already.
            left_s: what is left of its latency budget, None without one. An answer that comes
                later is of no use, so no wait is longer.
            chance: a random number from 0 to 1. It spreads clients that were refused together.
        """
        if sent_again >= self.most or not may_send_again(error):
            return None
        asked_s = error.asked_wait_s
        if asked_s is None:
            longest_s = min(self.longest_wait_s, self.first_wait_s * 2.0**sent_again)
            wait_s = longest_s * (1 + chance) / 2
        elif asked_s > self.longest_wait_s:
            return None
        else:  # never earlier than the server asked
            wait_s = min(self.longest_wait_s, asked_s * (1 + chance / 4))
        return None if left_s is not None and wait_s >= left_s else wait_s


def may_send_again(error: OtmvError) -> bool:
    """Return whether the same request may meet a server that takes it."""
    if isinstance(error, ServerUnreachable):
        return error.again
    if not isinstance(error, ServerBusy):
        return False
    said = error.asked_wait_s is not None
    return said or not error.type.startswith(_OURS)  # ours says when, unless waiting is no help
