"""The system that LoadGen measures: a running server, asked over HTTP."""

from __future__ import annotations

import array
import http.client
import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import mlperf_loadgen as loadgen

from loadtests.kit.asking.forms import CONTENT_TYPE

_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class SentSamples:
    """What a server is sent, and how.

    Attributes:
        url: where it listens.
        path: of the route.
        bodies: the body of each sample, as `loadtests.kit.asking.forms` makes them.
        read: from the body of an answer to what is answered.
        key: API key, if it asks for one.
        connections: how many requests are open at once at most.
    """

    url: str
    path: str
    bodies: Sequence[bytes]
    read: Callable[[Any], str]
    key: str | None
    connections: int


class SystemUnderTest:
    """Sends what LoadGen issues, over connections that stay open, one thread each.

    LoadGen counts time from the issue, so a sample that waits for a connection waits as a client
    would. An answer that is an error completes its sample with nothing, and is counted in
    `failures`: LoadGen has no word for it.
    """

    def __init__(self, sent: SentSamples) -> None:
        self.failures: Counter[str] = Counter()
        self._sent = sent
        self._issued: queue.SimpleQueue[tuple[int, int] | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._send_all, name=f"loadgen-{number}", daemon=True)
            for number in range(sent.connections)
        ]
        for thread in self._threads:
            thread.start()

    def issue(self, samples: Sequence[Any]) -> None:
        """Take a query; called by LoadGen, which waits for the return."""
        for sample in samples:
            self._issued.put((sample.id, sample.index))

    def flush(self) -> None:
        """Hold nothing back: every sample is sent at once."""

    def close(self) -> None:
        """End the threads once all that was issued is answered."""
        for _ in self._threads:
            self._issued.put(None)
        for thread in self._threads:
            thread.join(_TIMEOUT_S)

    def _send_all(self) -> None:
        connection = self._connection()
        while (issued := self._issued.get()) is not None:
            sample_id, index = issued
            try:
                answer = self._answer(connection, index)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                connection = self._connection()
                answer = self._failed(type(error).__name__)
            # LoadGen copies the bytes before it returns.
            kept = array.array("B", answer.encode())
            address, size = kept.buffer_info()
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(sample_id, address, size)])
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self._sent.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)

    def _answer(self, connection: http.client.HTTPConnection, index: int) -> str:
        sent, headers = self._sent, {"content-type": CONTENT_TYPE}
        if sent.key is not None:
            headers["authorization"] = f"Bearer {sent.key}"
        connection.request("POST", sent.path, sent.bodies[index], headers)
        with connection.getresponse() as response:
            body = response.read()
            if response.status != http.client.OK:
                return self._failed(f"HTTP {response.status}")
        return sent.read(json.loads(body))

    def _failed(self, why: str) -> str:
        self.failures[why] += 1
        return ""
