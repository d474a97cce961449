"""Ray Serve: `python -m loadtests.rivals.ray_ OPTIONS`. Each replica has the model once."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Any

import ray
from ray import serve
from starlette.requests import Request

from loadtests.rivals.options import PATH, RivalOptions
from loadtests.rivals.work import Model, Prepared, Preparer

_ONGOING = 256
"""Requests a replica takes in: the default of 5 would leave batches half empty."""


class RayModel:
    """Prepares requests in threads while a batch runs in another."""

    def __init__(self, options: RivalOptions) -> None:
        self._prepare, self._model = Preparer(options), Model(options)
        self.answer.set_max_batch_size(options.max_batch)
        self.answer.set_batch_wait_timeout_s(options.wait_ms / 1e3)

    @serve.batch  # type: ignore[untyped-decorator]
    async def answer(self, rows: list[Prepared]) -> list[dict[str, Any]]:
        """Run a batch; callers give one row each."""
        return await asyncio.to_thread(self._model.answer, rows)

    async def __call__(self, request: Request) -> dict[str, Any]:
        """Answer one HTTP request."""
        row = await asyncio.to_thread(self._prepare, await request.json())
        answer: dict[str, Any] = await self.answer(row)
        return answer


def main(options: RivalOptions) -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    ray.init(num_cpus=options.workers, include_dashboard=False, log_to_driver=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    http = {
        "host": "127.0.0.1",
        "port": options.port,
        "request_timeout_s": options.timeout_ms / 1e3,
    }
    serve.start(http_options=http)
    deployment = serve.deployment(
        num_replicas=options.workers,
        max_ongoing_requests=_ONGOING,
        ray_actor_options={"num_cpus": 1},
    )(RayModel)
    serve.run(deployment.bind(options), route_prefix=PATH)
    stop.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(RivalOptions.from_json(sys.argv[1]))
