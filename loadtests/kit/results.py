"""Results files: one writer, one header. Those that are committed come from a clean commit."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from artifact.atomic import write_atomically
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.origin import ROOT, Origin, commit_here, is_clean

DIRTY_OK = "dirty_ok"
"""Says in a results file that it may be of a work tree with changes."""


def results(
    origin: Origin,
    facts: Mapping[str, Any],
    bars: Sequence[Bar],
    measured: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a results file holds: header, facts of the run, bars, then what was measured."""
    return {
        **origin.header(),
        **facts,
        "bars": [bar.record() for bar in bars],
        **(measured or {}),
    }


def write_results(path: Path, found: Mapping[str, Any]) -> None:
    """Write a results file, whole or not at all.

    Raises:
        BenchError: it would be committed, is not of a clean commit and does not say `DIRTY_OK`.
        OSError: it cannot be written.
    """
    if not found.get(DIRTY_OK):
        _check_commit(path, found.get("commit", ""))
    write_atomically(path, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def check_place(path: Path) -> None:
    """Refuse before a run what `write_results` would refuse after it.

    Raises:
        BenchError: see there.
    """
    _check_commit(path, commit_here())


def results_file(text: str) -> Path:
    """Return where a program of ours writes its results: the `type` of an argparse option.

    Raises:
        argparse.ArgumentTypeError: see `check_place`.
    """
    try:
        check_place(Path(text))
    except BenchError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return Path(text)


def _check_commit(path: Path, commit: str) -> None:
    """Compare: what lies in the folder of the load tests is committed."""
    if is_clean(commit) or not path.resolve().is_relative_to(ROOT / "loadtests"):
        return
    raise BenchError(
        f"{path}: what is measured here is not a clean commit ({commit or 'no git'}): commit the "
        "changes first, write elsewhere, or otmv bench --dirty-ok"
    )


def rounded(value: Any) -> Any:
    """Return a value with every number in it rounded to four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else value
