"""What both clients do alike: where the server is, what httpx is told, what its answers mean."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import httpx

from otmv_serve.errors import OtmvError, ReplyUnreadable, ServerUnreachable, failure
from otmv_serve.retries import Retries

DEFAULT_URL = "http://127.0.0.1:8000"
_CONNECT_S = 10.0
_MOST_SHOWN = 200


FAILURES = (OtmvError, httpx.TransportError)
"""What may come of one try."""
Http = TypeVar("Http", httpx.Client, httpx.AsyncClient)


class Connected(Generic[Http]):
    """What both clients are made with."""

    _http_kind: type[Http]

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        adapter: str | None = None,
        timeout_s: float = 60.0,
        retries: Retries | None = None,
        **httpx_options: Any,
    ) -> None:
        """Connect nowhere yet.

        Args:
            url: the server; default: OTMV_URL, or else this machine's port 8000.
            api_key: one of its API keys; default: OTMV_KEY.
            adapter: which loaded adapter answers; default: the API key's, or none.
            timeout_s: the longest silence of the server, and at most 10 seconds to connect.
            retries: when a request is sent again; default: `Retries()`.
            httpx_options: of httpx's client, such as `verify`, `proxy` or `transport`.

        Raises:
            ValueError: `url` is no address.
        """
        self._retries = retries or Retries()
        self._adapter = adapter
        options = http_options(url, api_key, timeout_s, httpx_options)
        self._http: Http = self._http_kind(**options)


def http_options(
    url: str | None, api_key: str | None, timeout_s: float, further: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what httpx's clients are made with; what is None comes from OTMV_URL and OTMV_KEY.

    `further` are options of httpx, which win; their headers are sent beside the API key.

    Raises:
        ValueError: the address is none.
    """
    address = url or os.environ.get("OTMV_URL") or DEFAULT_URL
    try:
        parsed = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise ValueError(f"url: {address!r} is no address: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"url: give http://HOST:PORT or https://HOST, not {address!r}")
    key = api_key or os.environ.get("OTMV_KEY")
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    ours = {
        "base_url": parsed,
        "timeout": httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
    }
    return {**ours, **further, "headers": bearer | dict(further.get("headers", {}))}


def unreachable(error: httpx.TransportError) -> ServerUnreachable:
    """Return what a transport's error means, and whether its request may be sent again."""
    connecting = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
    broken = isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))
    try:
        where = f"from {error.request.url.copy_with(path='/', query=None)}"
    except RuntimeError:  # httpx had no request yet
        where = "came"
    timed_out = isinstance(error, httpx.TimeoutException)  # the async one has no words
    what = "timed out" if timed_out else str(error) or type(error).__name__
    return ServerUnreachable(f"no answer {where}: {what}", again=connecting or broken)


def body_of(response: httpx.Response) -> Any:
    """Return the JSON of an answer that was read.

    Raises:
        RequestFailed: it is an error.
        ReplyUnreadable: it is no JSON.
    """
    try:
        body = response.json()
    except ValueError as error:
        if response.is_success:
            raise ReplyUnreadable(f"no JSON: {response.text[:_MOST_SHOWN]!r}") from error
        body = {"title": f"the server answered {response.status_code}", "detail": _text(response)}
    if response.is_success:
        return body
    raise failure(response.status_code, body, response.headers.get("Retry-After", ""))


def _text(response: httpx.Response) -> str:
    return " ".join(response.text.split())[:_MOST_SHOWN]


class Tries:
    """The tries of one request: when the next one comes, and whether one does."""

    def __init__(self, retries: Retries, max_latency_ms: float | None) -> None:
        self._retries, self._max_latency_ms = retries, max_latency_ms
        self._sent_again, self._began_s = 0, time.monotonic()

    def wait_s(self, error: OtmvError | httpx.TransportError, *, begun: bool = False) -> float:
        """Return the seconds to wait before the next one.

        Args:
            error: what came of this one.
            begun: a part of its answer came; then there is no next one.

        Raises:
            OtmvError: the error, if there is no next one.
        """
        if isinstance(error, httpx.TransportError):
            try:
                return self._wait_s(unreachable(error), begun)
            except ServerUnreachable as known:
                raise known from error
        return self._wait_s(error, begun)

    def _wait_s(self, error: OtmvError, begun: bool) -> float:
        left_s = None
        if self._max_latency_ms is not None:
            left_s = self._max_latency_ms / 1e3 - (time.monotonic() - self._began_s)
        wait_s = self._retries.wait_s(error, self._sent_again, left_s, random.random())
        if begun or wait_s is None:
            raise error
        self._sent_again += 1
        return wait_s
