"""Where numbers come from: the header of every results file."""

from __future__ import annotations

import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from artifact.latency.machine import machine_fingerprint

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


def commit_here() -> str:
    """Return the commit of the working folder, with "+changes" if it has any; "" outside git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return found.stdout.strip()


def library_versions(names: tuple[str, ...] = LIBRARIES) -> dict[str, str]:
    """Return the versions of Python and of the installed libraries."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
