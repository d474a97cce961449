"""Two work trees of this repository, measured in turns: does a change of the inside cost time?

Each visit runs `otmv bench engine` in one tree, then in the other, which comes first by turns. A
figure is the time after over the time before, visit by visit; its interval holds the median of such
ratios with at least 95 %, by order statistics.

    python -m loadtests.engine.two_trees ../before . --json before_after.json
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtests.kit.bars import Bar, any_missed
from loadtests.kit.origin import Origin
from loadtests.kit.quartiles import quartiles
from loadtests.kit.results import results, results_file, rounded, write_results

COMPARISONS = ("composed", "http-idle", "decide")
LIMIT = 1.03
"""Most that the median of after over before may be."""

_CONFIDENCE = 0.95
_LEAST_VISITS = 15


def figures(bars: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return one time for each bar of a results file.

    A bar on a ratio of two times keeps it: both sides ran in turns in one process. Any other bar
    gives our side's median, or what it measured where it has one side.
    """
    found: dict[str, float] = {}
    for bar in bars:
        if bar["measured"] is None:
            continue
        ours = bar.get("evidence", {}).get("ours")
        ratio = ours is None or bar["name"].endswith("ratio")
        found[bar["name"]] = float(bar["measured"] if ratio else ours["quartiles"][1])
    return found


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return an interval that holds the median with at least 95 %, or all values where few.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take an interval of")
    ordered, count = sorted(values), len(values)
    inside, index = 0, (count - 1) // 2
    for index in range((count - 1) // 2, -1, -1):  # from the middle to the ends
        inside = sum(math.comb(count, wins) for wins in range(index + 1, count - index))
        if inside >= _CONFIDENCE * 2**count:
            break
    return ordered[index], ordered[count - 1 - index]


def visit(tree: Path, comparisons: Sequence[str], backend: str, pairs: int) -> dict[str, float]:
    """Run comparisons in one tree, with the program of its environment.

    Raises:
        RuntimeError: they measured nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "bars.json"
        only = [word for name in comparisons for word in ("--only", name)]
        command = [str(tree / ".venv/bin/otmv"), "bench", "engine", *only]
        command += ["--backend", backend, "--pairs", str(pairs), "--json", str(out)]
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
        if not out.is_file():
            raise RuntimeError(f"{tree} measured nothing: {done.stderr.strip()[-500:]}")
        return figures(json.loads(out.read_text("utf-8"))["bars"])


def compared(
    before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]]
) -> list[Bar]:
    """Return two bars for each figure: the median of its ratios, its interval's low end.

    A visit counts for the figures that both trees measured in it.
    """
    bars = []
    pairs = list(zip(before, after, strict=True))
    for name in dict.fromkeys(name for old, new in pairs for name in old if name in new):
        ratios = [new[name] / old[name] for old, new in pairs if name in old and name in new]
        low, high = median_interval(ratios)
        spread = f"95 % {low:.3f} to {high:.3f}, {len(ratios)} of {len(pairs)} visits"
        evidence = {"ratios": rounded(ratios), "interval": rounded((low, high))}
        named = f"engine.two-trees.{name.removeprefix('engine.')}"
        median = quartiles(ratios)[1]
        bars.append(Bar(f"{named}.after-over-before", median, LIMIT, False, spread, evidence))
        bars.append(Bar(f"{named}.interval-from", low, 1.0, False, spread))
    return bars


def main() -> int:
    """Measure two trees; print bars; return 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("before", type=Path, help="a work tree with its own .venv")
    parser.add_argument("after", type=Path, help="another one")
    parser.add_argument("--visits", type=int, default=_LEAST_VISITS, help="of each tree")
    parser.add_argument("--pairs", type=int, default=3, help="of each comparison in a visit")
    parser.add_argument("--only", action="append", choices=COMPARISONS, help="may be repeated")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--json", type=results_file, help="write results here")
    asked = parser.parse_args()
    comparisons = asked.only or COMPARISONS
    trees = [asked.before.resolve(), asked.after.resolve()]
    found: list[list[dict[str, float]]] = [[], []]
    for number in range(asked.visits):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            found[side].append(visit(trees[side], comparisons, asked.backend, asked.pairs))
        print(f"visit {number + 1} of {asked.visits}", file=sys.stderr)
    bars = compared(*found)
    for bar in bars:
        print(bar.line())
    if asked.json is not None:
        command = " ".join(("python -m loadtests.engine.two_trees", *sys.argv[1:]))
        facts = {"backend": asked.backend, "visits": asked.visits, "pairs": asked.pairs}
        write_results(asked.json, results(Origin(command), facts, bars))
    return int(any_missed(bars))


if __name__ == "__main__":
    sys.exit(main())
