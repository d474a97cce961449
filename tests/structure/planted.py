"""Small trees of files to measure."""

from __future__ import annotations

from pathlib import Path

from structure.tree import Tree


def planted(root: Path, files: dict[str, str]) -> Tree:
    """Write files (path to text) and return their tree."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, "utf-8")
    return Tree(root, tuple(sorted(files)))
