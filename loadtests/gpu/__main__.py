"""`python -m loadtests.gpu`: measure, print, write; exits 1 if a part failed or a bar is short."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from loadtests.gpu.device.device import Kind
from loadtests.gpu.suite.bars import bars
from loadtests.gpu.suite.parts import PARTS
from loadtests.gpu.suite.plot import plot
from loadtests.gpu.suite.run import PartOutcome, SuiteOptions, SuitePart, run_suite
from loadtests.gpu.suite.sizes import SIZES
from loadtests.gpu.suite.tables import show, tables
from loadtests.kit.bars import Bar, any_missed
from loadtests.kit.origin import Origin
from loadtests.kit.results import results, results_file, write_results


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; returns the exit code."""
    begun_s = time.monotonic()
    asked = _parser().parse_args(arguments)
    try:
        parts = chosen(asked.only)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    options = SuiteOptions(asked.device, SIZES[asked.size], asked.minutes * 60, asked.seed)
    outcomes = run_suite(options, parts, lambda said: print(said, flush=True))
    command = " ".join(["python -m loadtests.gpu", *(arguments or sys.argv[1:])])
    took_s = round(time.monotonic() - begun_s, 1)
    facts = {"device": asked.device, "size": asked.size, "seconds": took_s}

    def write(found: Sequence[Bar]) -> None:
        measured = {"parts": {name: outcome.record() for name, outcome in outcomes.items()}}
        write_results(asked.out, results(Origin(command, asked.seed), facts, found, measured))

    write([])  # whatever becomes of what follows
    found = bars(outcomes, _no_claim(asked.device, asked.size))
    write(found)
    show(list(tables(outcomes)), found)
    print(f"written: {asked.out}")
    _draw(outcomes, asked.out.with_suffix(".png"))
    failed = any(outcome.status in ("failed", "cut off") for outcome in outcomes.values())
    return int(failed or any_missed(found))


def _no_claim(device: Kind, size: str) -> str:
    """Return why the times say nothing about the bars; "" if they do."""
    if (device, size) == ("cuda", "large"):
        return ""
    return f"measured at size {size} on {device}; bars are for large on cuda"


def _draw(outcomes: Mapping[str, PartOutcome], picture: Path) -> None:
    try:
        if plot(outcomes, picture):
            print(f"drawn: {picture}")
    except ImportError:
        print("no picture: matplotlib is not installed")


def chosen(only: str | None) -> list[SuitePart]:
    """Return the parts named, in the suite's order; the machine's facts always come along.

    Raises:
        ValueError: there is no such part.
    """
    if only is None:
        return list(PARTS)
    wanted = set(only.split(","))
    if unknown := sorted(wanted - {part.name for part in PARTS}):
        names = ", ".join(part.name for part in PARTS)
        raise ValueError(f"no part {', '.join(unknown)}; there are {names}")
    return [part for part in PARTS if part.gate or part.name in wanted]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtests.gpu", description=__doc__)
    parser.add_argument("--device", choices=get_args(Kind), default="cuda")
    parser.add_argument("--size", choices=list(SIZES), default="large")
    parser.add_argument("--minutes", type=float, default=9.0, help="for everything; default 9")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="parts to run, with commas between; default: all")
    parser.add_argument("--out", type=results_file, default=Path("runs/gpu-suite.json"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
