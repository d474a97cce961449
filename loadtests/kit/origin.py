"""Where numbers come from: the commit and the libraries."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

_LIBRARIES = (
    "otmv-serve",
    "numpy",
    "onnxruntime",
    "openvino",
    "torch",
    "fastapi",
    "uvicorn",
    "pillow",
)


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


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that times depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
