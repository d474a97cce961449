"""What a client raises, each kind once; every other error of this package is a fault of ours.

A server says what is wrong as problem details (RFC 9457). `type` is stable, so code may switch on
it; the classes below say what a caller can do.
"""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from typing import Any

_NAME = "urn:otmv:problem:"


class OtmvError(Exception):
    """Root of all that a client raises about a server.

    Attributes:
        asked_wait_s: the seconds after which the server wants to be asked again, if it said so.
    """

    asked_wait_s: float | None = None


class ServerUnreachable(OtmvError):
    """No answer came: no connection, one that broke off, or one that was silent too long.

    Attributes:
        again: whether the same request may be sent once more. It may not after a timeout: the
            server may still be at work on it.
    """

    def __init__(self, problem: str, *, again: bool) -> None:
        super().__init__(problem)
        self.again = again


class ReplyUnreadable(OtmvError):
    """The server said yes with a body that is not what docs/api/README.md says: no otmv server?"""


class RequestFailed(OtmvError):
    """The server refused or failed. Its subclasses say what a caller can do.

    Attributes:
        status: the HTTP status; of a stream that has begun, the one it would have had.
        type: the kind of problem, `urn:otmv:problem:…`, or `about:blank` from another program.
        title: the kind in words.
        detail: what is wrong with this request.
        request_id: how the server's log calls it, if it said so.
        problem: the whole body.
    """

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: str = "") -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", f"the server answered {status}"))
        self.detail = str(problem.get("detail", ""))
        self.request_id = problem.get("request_id")
        self.problem = problem
        self.asked_wait_s = _asked_wait_s(problem, retry_after)
        super().__init__(": ".join(filter(None, (self.title, self.detail))))


class InvalidRequest(RequestFailed):
    """The request must be changed (4xx)."""

    @property
    def fields(self) -> dict[str, str]:
        """The fields that were refused, and what is wrong with each."""
        errors = self.problem.get("errors") or []
        return {str(each["field"]): str(each["problem"]) for each in errors}


class KeyRefused(InvalidRequest):
    """The API key is missing, unknown, or not allowed to do this (401, 403)."""


class VariantNotKnown(InvalidRequest):
    """No variant has that name (422); `known_variants` are those that exist."""

    @property
    def known_variants(self) -> list[str]:
        """The names that exist."""
        return [str(name) for name in self.problem.get("known_variants", [])]


class NothingFits(InvalidRequest):
    """No variant meets the hard limits (422); `nearest_offer` comes closest."""

    @property
    def nearest_offer(self) -> Mapping[str, Any] | None:
        """What comes closest: `variant`, `quality`, `memory_mb`, `predicted_ms`."""
        found: Mapping[str, Any] | None = self.problem.get("nearest_offer")
        return found


class ServerBusy(RequestFailed):
    """The server, or what stands before it, takes no more now (429, 502, 503): try again later."""


class DeadlineMissed(RequestFailed):
    """The latency budget could not be met (504)."""


class ServerFailed(RequestFailed):
    """The server failed (any other 5xx); quote `request_id` when reporting it."""


_BY_STATUS: dict[int, type[RequestFailed]] = {
    401: KeyRefused,
    403: KeyRefused,
    429: ServerBusy,
    502: ServerBusy,
    503: ServerBusy,
    504: DeadlineMissed,
}
_BY_TYPE: dict[str, type[RequestFailed]] = {
    _NAME + "unknown-variant": VariantNotKnown,
    _NAME + "no-variant-fits": NothingFits,
}


def failure(status: int, problem: Any, retry_after: str = "") -> RequestFailed:
    """Return the error of a status, the body that came with it, and its header `Retry-After`."""
    body: Mapping[str, Any] = problem if isinstance(problem, dict) else {}
    other = InvalidRequest if status < 500 else ServerFailed
    kind = _BY_TYPE.get(str(body.get("type"))) or _BY_STATUS.get(status, other)
    return kind(status, body, retry_after)


def _asked_wait_s(problem: Mapping[str, Any], retry_after: str) -> float | None:
    """Return what the body says, or else the header: seconds, or a date. None: neither."""
    try:
        said = float(problem.get("retry_after_s", retry_after))
    except (TypeError, ValueError):
        try:
            said = email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (TypeError, ValueError):
            return None
    return max(0.0, said) if math.isfinite(said) else None
