"""Requests that a browser sends for a web page: what a page may make it do without an API key."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import Request

from server.access.hosts import cannot_be_rebound, host_of
from server.errors import FromWebPage

_OWN = ("same-origin", "none")


def check_no_foreign_page(request: Request, api_key: str | None, allowed: Collection[str]) -> None:
    """Check that no page of another site sent a request; one with an API key passes.

    Programs pass: they send neither `Origin` nor `Sec-Fetch-Site`. A page of ours passes if its
    host is in `allowed`, or cannot be another site under our address.

    Raises:
        FromWebPage: a page of another site sent it, or one that may be.
    """
    origins = request.headers.getlist("origin")
    sites = request.headers.getlist("sec-fetch-site")
    if api_key is not None or not (origins or sites):
        return
    host = host_of(request.scope["headers"])
    trusted = host in {name.lower() for name in allowed} or cannot_be_rebound(host)
    own_site = all(site in _OWN for site in sites)
    own_origin = all(_names(origin, request.headers["host"]) for origin in origins)
    if not (trusted and own_site and own_origin):
        raise FromWebPage


def _names(origin: str, host: str) -> bool:
    """Return whether an origin names a host with its port."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.strip().lower()
