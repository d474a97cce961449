"""OpenVINO's own queue of requests: `python -m loadtests.rivals.openvino_ OPTIONS`.

`openvino.AsyncInferQueue` behind uvicorn without a framework. Whenever one of its streams is free,
it gets the requests that wait, up to the largest batch. It computes in the precision that the
library chooses for the processor.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sys
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openvino
import uvicorn

from loadtests.rivals.options import PATH, RivalOptions
from loadtests.rivals.work import Batches, Prepared, Preparer

_PREPARING = 2
"""Threads that decode pictures."""

_Scope = MutableMapping[str, Any]
_Send = Callable[[_Scope], Awaitable[None]]


@dataclass(frozen=True)
class Waiting:
    """One request whose row is ready: when it came, and where its answer goes (None: dropped)."""

    row: Prepared
    came_s: float
    answered: Callable[[dict[str, Any] | None], object]


class InferQueue:
    """Batches for OpenVINO's queue, from a thread that only waits."""

    def __init__(self, options: RivalOptions) -> None:
        self._batches, self._options = Batches(options), options
        settings = {
            "NUM_STREAMS": options.workers,
            "INFERENCE_NUM_THREADS": options.threads * options.workers,
        }
        core = openvino.Core()
        compiled = core.compile_model(core.read_model(self._batches.graph), "CPU", settings)
        self._queue = openvino.AsyncInferQueue(compiled, options.workers)
        self._queue.set_callback(self._done)
        self._waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        threading.Thread(target=self._feed, daemon=True).start()

    def put(self, waiting: Waiting) -> None:
        """Take a request; whether it is answered or dropped, `answered` is called once."""
        self._waiting.put(waiting)

    def _feed(self) -> None:
        while True:
            self._queue.get_idle_request_id()  # waits until a stream is free
            batch = self._take()
            inputs = self._batches.inputs([each.row for each in batch])
            self._queue.start_async(inputs, batch)

    def _take(self) -> list[Waiting]:
        """Wait for the first request, then for others as long as the settings say."""
        batch = [self._young(None)]
        until_s = time.monotonic() + self._options.wait_ms / 1e3
        while len(batch) < self._options.max_batch:
            try:
                batch.append(self._young(max(0.0, until_s - time.monotonic())))
            except queue.Empty:
                break
        return batch

    def _young(self, timeout_s: float | None) -> Waiting:
        """Return the next request that is not too old, and drop those before it.

        Raises:
            queue.Empty: none came in time.
        """
        while True:
            found = self._waiting.get(timeout=timeout_s)
            if time.monotonic() - found.came_s <= self._options.timeout_ms / 1e3:
                return found
            found.answered(None)

    def _done(self, request: Any, batch: list[Waiting]) -> None:
        answers = self._batches.answers(request.get_output_tensor(0).data)
        for waiting, answer in zip(batch, answers, strict=True):
            waiting.answered(answer)


class QueueApp:
    """The HTTP server: one path, JSON in, JSON out; 503 for what was dropped."""

    def __init__(self, options: RivalOptions) -> None:
        self._prepare, self._infer = Preparer(options), InferQueue(options)
        self._threads = ThreadPoolExecutor(_PREPARING)

    async def __call__(
        self, scope: _Scope, receive: Callable[[], Awaitable[_Scope]], send: _Send
    ) -> None:
        """Answer one request."""
        came_s, loop = time.monotonic(), asyncio.get_running_loop()
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] != PATH:
            await _respond(send, 404, {})
            return
        row = await loop.run_in_executor(self._threads, lambda: self._prepare(json.loads(body)))
        future: asyncio.Future[dict[str, Any] | None] = loop.create_future()

        def answered(answer: dict[str, Any] | None) -> None:
            loop.call_soon_threadsafe(future.set_result, answer)

        self._infer.put(Waiting(row, came_s, answered))
        answer = await future
        await _respond(send, 503 if answer is None else 200, answer or {})


async def _respond(send: _Send, status: int, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    options = RivalOptions.from_json(sys.argv[1])
    uvicorn.run(
        QueueApp(options),
        host="127.0.0.1",
        port=options.port,
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
