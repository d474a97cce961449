"""Where numbers come from: the header of every results file."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from artifact.latency.machine import machine_fingerprint

ROOT = Path(__file__).parents[2]
CHANGES = "+changes"
_RESULTS = ":(exclude)loadtests/results"

LIBRARIES = (
    "otmv-serve",
    "numpy",
    "onnxruntime",
    "openvino",
    "torch",
    "fastapi",
    "uvicorn",
    "pillow",
)
"""Whose versions times depend on."""


@dataclass(frozen=True)
class Origin:
    """The command line of a run, and the seed it drew from; None if it drew nothing."""

    command: str
    seed: int | None = None

    def header(self) -> dict[str, Any]:
        """Return machine, commit, library versions, command and seed."""
        return {
            "machine": machine_fingerprint(),
            "commit": commit_here(),
            "libraries": library_versions(),
            "command": self.command,
            **({} if self.seed is None else {"seed": self.seed}),
        }


def commit_here(tree: Path = ROOT) -> str:
    """Return the commit of the code, with `CHANGES` if tracked files differ; "" outside git.

    Changed results do not count: nothing is measured with them.
    """
    if not (tree / ".git").exists():
        return ""
    try:
        commit = _git(tree, "rev-parse", "--short=12", "HEAD")
        changed = _git(tree, "status", "--porcelain", "--untracked-files=no", "--", ".", _RESULTS)
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit + (CHANGES if changed else "")


def is_clean(commit: str) -> bool:
    """Tell whether a commit, as `commit_here` names it, is all of the code that ran."""
    return commit != "" and not commit.endswith(CHANGES)


def code_hash(places: Sequence[str], tree: Path = ROOT) -> str:
    """Return a hash of all Python code in some folders and files: equal where the same runs.

    Raises:
        FileNotFoundError: a place is not there.
    """
    found = hashlib.sha256()
    for place in sorted(places):
        whole = tree / place
        for path in sorted(whole.rglob("*.py")) if whole.is_dir() else [whole]:
            found.update(f"{path.relative_to(tree)}\n".encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:12]


def _git(tree: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(tree), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


def library_versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python and of the installed libraries."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
