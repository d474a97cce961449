"""mosec: `python -m loadtests.rivals.mosec_ OPTIONS`. Two stages: prepare, then run in batches."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from mosec import Runtime, Server, Worker

from loadtests.rivals.options import PATH, RivalOptions
from loadtests.rivals.work import Model, Prepared, Preparer

_OPTIONS = "RIVAL_OPTIONS"
"""Variable that carries the options into the workers, which mosec starts without arguments."""


def _options() -> RivalOptions:
    return RivalOptions.from_json(os.environ[_OPTIONS])


class Prepare(Worker):  # type: ignore[misc]
    """Decodes and tokenises, one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._prepare = Preparer(_options())

    def forward(self, data: Mapping[str, Any]) -> Prepared:
        """Prepare one request."""
        return self._prepare(data)


class Infer(Worker):  # type: ignore[misc]
    """Runs batches."""

    def __init__(self) -> None:
        super().__init__()
        self._model = Model(_options())
        self._alone = _options().max_batch == 1

    def forward(self, data: Any) -> Any:
        """Run a batch, a list of rows; mosec gives a row itself where a batch has only one."""
        if self._alone:
            return self._model.answer([data])[0]
        return self._model.answer(data)


if __name__ == "__main__":
    options = RivalOptions.from_json(sys.argv[1])
    os.environ |= {
        _OPTIONS: sys.argv[1],
        "MOSEC_ADDRESS": "127.0.0.1",
        "MOSEC_PORT": str(options.port),
        "MOSEC_TIMEOUT": str(options.timeout_ms),
        "MOSEC_LOG_LEVEL": "warning",
    }
    server = Server()
    infer = Runtime(
        Infer,
        num=options.workers,
        max_batch_size=options.max_batch,
        max_wait_time=options.wait_ms,
    )
    server.register_runtime({PATH: [Runtime(Prepare), infer]})
    server.run()
