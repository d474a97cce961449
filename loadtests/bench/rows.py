"""The rows of `otmv bench engine`."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.bench.artifacts import MANY


@dataclass(frozen=True)
class Row:
    """One row: `module` has `measure(setup, report)`; `limit` is shown when it is not run.

    `artifacts` are folders of `loadtests.bench.artifacts`. `backends` are tried in that order and
    the first installed one is used; none given: the row runs on every one.
    """

    name: str
    module: str
    limit: float
    what: str
    artifacts: tuple[str, ...] = ("base1",)
    backends: tuple[str, ...] = ()
    at_least: bool = False


FASTEST = ("openvino", "onnxruntime")
"""Where the model takes the least time, the engine's own time weighs most."""

DEFAULT = ("onnxruntime", "openvino")
"""What `otmv serve` takes unless told otherwise."""

ROWS = (
    Row("composed", "composed", 1.05, "live engine / one graph of the full model, time"),
    Row("memory", "memory", 1.05, "64 variants / one session, resident bytes", ("base1", MANY)),
    Row("keys", "keys", 1.05, "12 key blocks / 1, same work, time", ("base1", "base12"), DEFAULT),
    Row("matmuls", "matmuls", 1.25, "live engine / its matrix products alone, time"),
    Row("variant", "switching", 1.0, "changing the variant, ms", backends=FASTEST),
    Row("http-idle", "http_idle", 3.0, "HTTP - engine on an idle machine, ms", (), DEFAULT),
    Row("http-load", "http_load", 0.97, "HTTP / engine, throughput", ("base1",), FASTEST, True),
    Row("decide", "decisions", 300.0, "snapshot + decide + apply, µs", (), DEFAULT),
)
"""In the order they run."""

BY_NAME = {row.name: row for row in ROWS}
