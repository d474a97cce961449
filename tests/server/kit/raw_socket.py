"""Bytes to a server and back, for what no HTTP client would send."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from contextlib import suppress

from tests.server.kit.bad_requests import good_request
from tests.server.kit.live_server import ServerThread

GOOD = good_request()


def get(path: str = "/healthz", *fields: str, version: str = "1.1", method: str = "GET") -> bytes:
    """Return a request without a body; `fields` are further lines of its head."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *fields, "", ""]).encode()


def question_head(*fields: str, length: int | None = len(GOOD.body), version: str = "1.1") -> bytes:
    """Return the head of a good question; `length` None: it names none."""
    lines = [f"POST {GOOD.path} HTTP/{version}", "Host: x"]
    lines += [f"{name}: {value}" for name, value in GOOD.headers.items()]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, *fields, "", ""]).encode()


def said(server: ServerThread, *parts: bytes, closes: bool = False) -> bytes:
    """Send parts, each by itself, and perhaps the end of sending; return all until the end."""
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BrokenPipeError, ConnectionResetError):
            for part in parts:
                connection.sendall(part)
        if closes:
            connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes; a reset fails the test."""
    return connection.makefile("rb").read()


def statuses(answers: bytes) -> list[int]:
    """Return the status of each answer, `100 Continue` left out."""
    found = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answers)]
    return [status for status in found if status != 100]


def chunks(body: bytes, sizes: Sequence[int]) -> bytes:
    """Return a chunked body of these sizes, the last repeated."""
    out, at, index = b"", 0, 0
    while at < len(body):
        size = sizes[min(index, len(sizes) - 1)]
        part = body[at : at + size]
        out += b"%x\r\n%s\r\n" % (len(part), part)
        at, index = at + size, index + 1
    return out + b"0\r\n\r\n"
