"""How many files and folders lie side by side in a folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from structure.tree import Limit, Tree

MOST_ENTRIES = 16
_UNCOUNTED = frozenset({".", "docs/adr"})
_ARTIFACT_MARK = "manifest.json"


def entries(files: Iterable[str]) -> dict[str, int]:
    """Return the number of entries (files and subfolders) of each folder.

    The root, `docs/adr` and artifacts (a folder with a manifest, and all below it) are left out.
    """
    children: dict[PurePosixPath, set[PurePosixPath]] = defaultdict(set)
    artifacts = set()
    for path in map(PurePosixPath, files):
        if path.name == _ARTIFACT_MARK:
            artifacts.add(path.parent)
        for child in (path, *path.parents[:-1]):
            children[child.parent].add(child)
    return {
        str(folder): len(inside)
        for folder, inside in children.items()
        if str(folder) not in _UNCOUNTED and artifacts.isdisjoint((folder, *folder.parents))
    }


def measure(tree: Tree) -> list[Limit]:
    """Measure `engine/` at its top, and the fullest folder."""
    counts = entries(tree.files)
    full = sorted((-n, folder) for folder, n in counts.items() if n > MOST_ENTRIES)
    places = tuple(f"{folder}/ {-n}" for n, folder in full)
    top = counts.get("engine", 0)
    return [
        Limit("entries at the top of engine/", top, MOST_ENTRIES),
        Limit("entries of the fullest folder", max(counts.values()), MOST_ENTRIES, places),
    ]
