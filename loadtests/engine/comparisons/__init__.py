"""The comparisons of `otmv bench engine`."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.kit.artifacts import MANY
from loadtests.kit.bars import Bar


@dataclass(frozen=True)
class Comparison:
    """One comparison: `module` has `measure(setup, report)`; `limit` is shown when it is not run.

    `artifacts` are folders of `loadtests.kit.artifacts`. `backends` are tried in that order and
    the first installed one is used; none given: the comparison runs on every one.
    """

    name: str
    module: str
    limit: float
    artifacts: tuple[str, ...] = ("base1",)
    backends: tuple[str, ...] = ()
    at_least: bool = False

    def not_run(self, backend: str, why: str) -> Bar:
        """Return the bar of a comparison that could not be made."""
        return Bar(f"engine.{self.name}.{backend}", None, self.limit, self.at_least, why)


FASTEST = ("openvino", "onnxruntime")
"""Where the model takes the least time, the engine's own time weighs most."""

DEFAULT = ("onnxruntime", "openvino")
"""What `otmv serve` takes unless an option says otherwise."""

COMPARISONS = (
    Comparison("composed", "composed", 1.05),
    Comparison("memory", "memory", 1.05, ("base1", MANY)),
    Comparison("keys", "keys", 1.05, ("base1", "base12"), DEFAULT),
    Comparison("matmuls", "matmuls", 1.25),
    Comparison("adapters", "adapters", 1.06, ("base1-adapters",), DEFAULT),
    Comparison("variant", "switching", 1.0, backends=FASTEST),
    Comparison("http-idle", "http_idle", 3.0, (), DEFAULT),
    Comparison("http-load", "http_load", 0.97, backends=FASTEST, at_least=True),
    Comparison("captions", "captions", 3.0, ("base1-caption",), at_least=True),
    Comparison("decide", "decisions", 300.0, (), DEFAULT),
)
"""In the order they run."""

BY_NAME = {comparison.name: comparison for comparison in COMPARISONS}
