"""The leanest client that can talk to a server."""

from __future__ import annotations

import asyncio
from typing import Self

from artifact.task import VQA
from loadtests.kit.asking.forms import CONTENT_TYPE, encode_form
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.serving import ServerProcess


def question_bytes(picture: bytes, question: str, variant: str) -> bytes:
    """Return a whole HTTP request, head and body, ready to be sent many times."""
    body = encode_form(picture, {"question": question, "variant": variant})
    head = (
        f"POST /v1/{VQA.name} HTTP/1.1\r\nHost: bench\r\n"
        f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One keep-alive connection; requests go out as given, only what is needed is parsed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, server: ServerProcess) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection(server.host, server.port))

    async def exchange(self, request: bytes) -> bytes:
        """Send one request and return the body of its answer.

        Raises:
            BenchError: the status is not 200.
        """
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await self._reader.readexactly(length)
        if head.split(b" ", 2)[1] != b"200":
            raise BenchError(f"the server answered {body[:200].decode('utf-8', 'replace')}")
        return body

    def close(self) -> None:
        """Close at once, whatever is open; the server then cancels it."""
        self._writer.transport.abort()
