"""A module of ours in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtests.kit.errors import BenchError

ROOT = Path(__file__).parents[3]


def environment(tree: Path = ROOT) -> dict[str, str]:
    """Return this process's environment for a child that must run the code of a work tree."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTMV_")}
    paths = [str(tree), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}


def module_words(module: str, *words: str) -> list[str]:
    """Return the words that run a module of ours; what lies in the working folder is none."""
    return [sys.executable, "-P", "-m", module, *words]


def run_child(module: str, words: Sequence[str], what: str, given: str = "") -> str:
    """Run a module of ours in a process of its own; return what it printed.

    `given` is its standard input.

    Raises:
        BenchError: it failed; with the last line it said, and `what` failed.
    """
    done = subprocess.run(
        module_words(module, *words),
        input=given,
        capture_output=True,
        text=True,
        env=environment(),
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise BenchError(f"{what} failed: {lines[-1]}")
    return done.stdout
