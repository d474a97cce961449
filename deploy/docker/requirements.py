"""Print what pyproject.toml asks for, one requirement a line; with the extras that are named.

Alone in its layer of the images, so that a changed program does not install its libraries again.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(project: Path, extras: list[str]) -> list[str]:
    """Return the dependencies of a pyproject.toml, then those of its extras.

    Raises:
        KeyError: no such extra.
    """
    table = tomllib.loads(project.read_text("utf-8"))["project"]
    optional = table["optional-dependencies"]
    return [*table["dependencies"], *(line for name in extras for line in optional[name])]


if __name__ == "__main__":
    print(*requirements(Path("pyproject.toml"), sys.argv[1:]), sep="\n")
