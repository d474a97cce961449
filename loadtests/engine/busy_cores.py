"""A short deadline on a busy machine: this tree's rule, an earlier one's, every fixed variant.

A busy loop runs on each core. Questions are asked over HTTP one after another, in rounds: a few of
each side, in an order that turns from round to round. A side's points are the quality of its
answers in time, summed over all that were asked. Bars are on means over rounds; their intervals
come from drawing rounds again (bootstrap, 95 %).

    python -m loadtests.engine.busy_cores ../before examples/demo-artifact --json busy_cores.json
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from artifact.latency.machine import usable_cores
from artifact.store import open_artifact
from loadtests.kit.asking.tasks import WORKLOAD
from loadtests.kit.bars import Bar, any_missed
from loadtests.kit.origin import Origin
from loadtests.kit.processes.busy import busy_processes
from loadtests.kit.processes.child import ROOT
from loadtests.kit.processes.serving import ServerProcess, serving
from loadtests.kit.results import results, results_file, rounded, write_results
from loadtests.rivals.options import PATH
from loadtests.slo.judging.calibration import chances_bar, scrape
from loadtests.slo.workload import bodies

OURS, BEFORE = "ours", "before"
OVER_BEFORE = 1.3
_DRAWS = 2000
_WARM = 100
_TYPE = {"Content-Type": "application/json"}

Points = Mapping[str, Sequence[float]]
"""Side to its mean points per request, round by round."""


@dataclass(frozen=True)
class Side:
    """Where a side's questions go, and their bodies."""

    server: ServerProcess
    bodies: Sequence[str]

    def points(self, count: int, limit_s: float, quality: Mapping[str, float]) -> float:
        """Ask `count` questions; return the mean points: quality times 100, or 0 if late."""
        total = 0.0
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        for number in range(count):
            body = self.bodies[number % len(self.bodies)]
            begun_s = time.perf_counter()
            connection.request("POST", PATH, body, _TYPE)
            response = connection.getresponse()
            said = response.read()
            if response.status == 200 and time.perf_counter() - begun_s <= limit_s:
                total += 100 * quality[json.loads(said)["answers"][0]["variant"]]
        connection.close()
        return total / count


def take_rounds(
    sides: Mapping[str, Side], asked: argparse.Namespace, quality: Mapping[str, float]
) -> Points:
    """Ask each side `per_round` questions in each round."""
    names, limit_s = list(sides), asked.latency_ms / 1e3
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        sides[name].points(_WARM, limit_s, quality)
    for number in range(asked.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(sides[name].points(asked.per_round, limit_s, quality))
        print(f"round {number + 1} of {asked.rounds}", file=sys.stderr)
    return found


def bars(points: Points, seed: int) -> list[Bar]:
    """Return ours over the rule before, and ours minus the best fixed variant."""
    rounds = len(points[OURS])
    drawn = np.random.default_rng(seed).integers(rounds, size=(_DRAWS, rounds))
    means = {name: np.asarray(each)[drawn].mean(axis=1) for name, each in points.items()}
    whole = {name: float(np.mean(each)) for name, each in points.items()}
    ratio = whole[OURS] / max(whole[BEFORE], 1e-9)
    low, high = _interval(means[OURS] / np.maximum(means[BEFORE], 1e-9))
    found = [
        Bar(
            "busy-cores.ours-over-before",
            ratio,
            OVER_BEFORE,
            True,
            f"95 % {low:.2f} to {high:.2f}, {rounds} rounds",
            {"means": rounded(whole), "rounds": rounded(points)},
        )
    ]
    best = max((name for name in whole if name not in (OURS, BEFORE)), key=whole.__getitem__)
    low, high = _interval(means[OURS] - means[best])
    spread = f"against {best}, mean {whole[OURS] - whole[best]:+.2f}, from {low:.2f}"
    found.append(Bar("busy-cores.ours-minus-best-fixed.interval-to", high, 0.0, True, spread))
    return found


def _interval(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def measure(asked: argparse.Namespace) -> list[Bar]:
    """Serve the artifact from both trees and ask.

    Raises:
        BenchError: a server did not become ready.
    """
    artifact = open_artifact(asked.artifact, verify=False)
    quality = {v.id: v.quality_of(WORKLOAD.name, "fp32") or 0.0 for v in artifact.manifest.variants}
    limit: dict[str, object] = {"max_latency_ms": asked.latency_ms}
    with ExitStack() as stack:
        cache = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours, before = (
            stack.enter_context(serving(asked.artifact.resolve(), "onnxruntime", cache, tree=tree))
            for tree in (ROOT, asked.before.resolve())
        )
        sides = {
            OURS: Side(ours, bodies([limit], asked.seed)),
            BEFORE: Side(before, bodies([limit], asked.seed)),
        }
        for variant in quality:
            sides[variant] = Side(ours, bodies([{**limit, "variant": variant}], asked.seed))
        stack.enter_context(busy_processes(usable_cores()))
        found = bars(take_rounds(sides, asked, quality), asked.seed)
        tenths = scrape(ours.host, ours.port)
        return [*found, chances_bar("busy-cores.on-time-chances.mean-error", tenths)]


def main() -> int:
    """Measure; print bars; return 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("before", type=Path, help="a work tree with the rule before")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--latency-ms", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--per-round", type=int, default=20, help="questions of each side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=results_file, help="write results here")
    asked = parser.parse_args()
    found = measure(asked)
    for bar in found:
        print(bar.line())
    if asked.json is not None:
        command = " ".join(("python -m loadtests.engine.busy_cores", *sys.argv[1:]))
        facts = {"latency_ms": asked.latency_ms, "requests": asked.rounds * asked.per_round}
        write_results(asked.json, results(Origin(command, asked.seed), facts, found))
    return int(any_missed(found))


if __name__ == "__main__":
    sys.exit(main())
