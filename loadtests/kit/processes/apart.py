"""A module of ours in a process of its own, heard while it works.

It says JSON on standard output, one document a line: {"at": …, "share": …} on the way, then what it
found, or {"problem": …}.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, Any

from loadtests.kit.processes.child import environment, module_words
from loadtests.kit.progress import Report


def run_apart(
    module: str,
    words: Sequence[str],
    report: Report,
    on_start: Callable[[subprocess.Popen[str]], None] = lambda process: None,
) -> tuple[dict[str, Any], str | None]:
    """Run `python -m module words`; return what it found, and what went wrong, else None.

    It never outlives this call. `on_start` gets its process, for another thread to end it.
    """
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            module_words(module, *words),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment(),
        )
        try:
            on_start(child)
            assert child.stdout is not None
            found = _listen(child.stdout, report)
            child.wait()
        finally:
            if child.poll() is None:
                child.terminate()  # it stops its own children
                child.wait()
        problem: str | None = found.pop("problem", None)
        if problem is None and (child.returncode != 0 or not found):
            errors.seek(0)
            lines = errors.read().strip().splitlines() or ["no reason given"]
            problem = f"ended with {child.returncode}: {lines[-1]}"
        return found, problem


def _listen(lines: IO[str], report: Report) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in lines:
        document = json.loads(line)
        if "at" in document:
            report(document["at"], document["share"])
        else:
            found |= document
    return found
