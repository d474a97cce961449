"""The files that are measured, and one line of the table."""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGES = (
    "artifact",
    "models",
    "tuning",
    "exporters",
    "engine",
    "server",
    "cli",
    "loadtests",
    "monitoring",
    "pictures",
    "deploy",
    "fleet",
    "otmv_serve",
)
"""The packages of the product. Those that do not exist have no files."""


@dataclass(frozen=True)
class Limit:
    """One thing that is measured: its value, the most it may be, and the places it counts."""

    what: str
    value: int
    most: int
    places: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the value is within the limit."""
        return self.value <= self.most


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root, its text, and its syntax tree."""

    path: str
    text: str
    syntax: ast.Module

    @property
    def package(self) -> str:
        """The top folder it lies in, or its own name at the root."""
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class Tree:
    """A folder and the files in it that count, as paths from the folder with `/`."""

    root: Path
    files: tuple[str, ...]

    @classmethod
    def of_git(cls, root: Path) -> Tree:
        """Return the working tree of a Git repository, without what Git ignores.

        Raises:
            subprocess.CalledProcessError: the folder is no working tree.
        """
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split("\0")
        return cls(root, tuple(sorted({f for f in listed if f and (root / f).is_file()})))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every Python file, parsed."""
        texts = {f: (self.root / f).read_text("utf-8") for f in self.files if f.endswith(".py")}
        return tuple(Source(path, text, ast.parse(text, path)) for path, text in texts.items())

    def product(self) -> tuple[Source, ...]:
        """Return the Python files of the product's packages."""
        return tuple(source for source in self.sources if source.package in PACKAGES)
