"""LitServe: `python -m loadtests.rivals.litserve_ OPTIONS`. Each worker has the model once."""

from __future__ import annotations

import sys
from typing import Any

import litserve

from loadtests.rivals.options import PATH, RivalOptions
from loadtests.rivals.work import Model, Prepared, Preparer


class LitServeModel(litserve.LitAPI):  # type: ignore[misc]
    """Its worker prepares the requests of a batch one after the other, then runs them."""

    def __init__(self, options: RivalOptions) -> None:
        wait_s = options.wait_ms / 1e3
        super().__init__(max_batch_size=options.max_batch, batch_timeout=wait_s, api_path=PATH)
        self._options = options

    def setup(self, device: str) -> None:
        """Load, in the worker."""
        self._prepare, self._model = Preparer(self._options), Model(self._options)

    def decode_request(self, request) -> Prepared:  # type: ignore[no-untyped-def]
        """Prepare one request's JSON; an annotation would become a query parameter."""
        return self._prepare(request)

    def batch(self, inputs: list[Prepared]) -> list[Prepared]:
        """Leave the rows as they are: they are padded together in `predict`."""
        return inputs

    def predict(self, inputs: Any) -> Any:
        """Run a batch, a list of rows; LitServe gives a row itself where a batch has only one."""
        if self._options.max_batch == 1:
            return self._model.answer([inputs])[0]
        return self._model.answer(inputs)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Leave the answers as they are: one per row."""
        return output

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        """Answer with JSON as it is; an annotation would be validated."""
        return output


if __name__ == "__main__":
    options = RivalOptions.from_json(sys.argv[1])
    server = litserve.LitServer(
        LitServeModel(options),
        accelerator="cpu",
        workers_per_device=options.workers,
        timeout=options.timeout_ms / 1e3,
    )
    server.run(host="127.0.0.1", port=options.port, log_level="warning", generate_client_file=False)
