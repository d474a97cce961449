"""The check of API keys, pure ASGI: whether a request's key is known and may be used now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from engine.clock import Clock
from engine.telemetry import NO_API_KEY, Telemetry
from server.access.hosts import PROBES
from server.access.keys import KeyRing
from server.access.rates import TokenBucket
from server.configuration.api_key import ApiKey
from server.errors import RateExceeded, ServerError, Unauthorized
from server.errors.responses import error_response
from server.observing.logs import log_failure
from server.observing.request_record import RequestRecord

_METRICS = "/metrics"
_OPEN = frozenset({*PROBES, "/openapi.json"})
_SCHEME = b"bearer"


def open_paths(guard_metrics: bool) -> frozenset[str]:
    """Return what is answered without a key: probes, the API's document, and perhaps metrics."""
    return _OPEN if guard_metrics else _OPEN | {_METRICS}


class KeyGuard:
    """Lets requests with a known API key through, as often as its rate allows.

    Everything but `open_for_all` needs a key, whatever the method, so no route is left open by
    mistake. Writes the key's name into the request's record. Used from the event loop only.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Mapping[str, ApiKey],
        clock: Clock,
        telemetry: Telemetry,
        open_for_all: frozenset[str],
    ) -> None:
        self._app = app
        self._ring = KeyRing(keys)
        self._clock = clock
        self._telemetry = telemetry
        self._open = open_for_all
        self._buckets = {
            name: TokenBucket(key.rate_per_s, key.capacity)
            for name, key in keys.items()
            if key.rate_per_s is not None
        }
        telemetry.announce_api_keys(keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with its refusal."""
        if scope["type"] != "http" or scope["path"] in self._open:
            await self._app(scope, receive, send)
            return
        record: RequestRecord = scope["state"]["record"]
        try:
            record.api_key = self._admit(scope, record)
        except ServerError as error:
            log_failure(error, record)
            response = error_response(error, record.request_id, scope["path"])
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope, record: RequestRecord) -> str:
        """Return the key's name, or raise Unauthorized or RateExceeded."""
        presented = bearer(scope["headers"])
        name = None if presented is None else self._ring.name_of(presented)
        if name is None:
            self._telemetry.api_key_checked(NO_API_KEY, "unauthorized")
            raise Unauthorized(given=presented is not None)
        bucket = self._buckets.get(name)
        wait_s = 0.0 if bucket is None else bucket.take(self._clock.now_s())
        if wait_s > 0:
            record.api_key = name
            self._telemetry.api_key_checked(name, "rate_exceeded")
            raise RateExceeded(wait_s)
        self._telemetry.api_key_checked(name, "passed")
        return name


def bearer(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Return the key of the one `Authorization: Bearer` header, if there is one."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, presented = values[0].strip().partition(b" ")
    return presented.strip() or None if scheme.lower() == _SCHEME else None
