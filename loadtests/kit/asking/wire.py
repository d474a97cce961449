"""A request as it goes over the wire."""

from __future__ import annotations


def post(
    path: str, host: str, body: bytes, kind: str = "application/json", more: str = ""
) -> bytes:
    """Return a POST request.

    Args:
        path: of the route.
        host: what `Host` names.
        body: its bytes.
        kind: its media type.
        more: further lines of the head, each with its end.
    """
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode() + body
