"""Every path of this repository that a page, a docstring or a comment names exists."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from structure.tree import Tree

ROOT = Path(__file__).parents[2]
TREE = Tree.of_git(ROOT)
FOLDERS = sorted({path.split("/")[0] for path in TREE.files if "/" in path})
_NAMED = re.compile(rf"(?<![\w./~-])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./*-]*[\w/*]")


def prose_of(path: str) -> str:
    """Return a page, or the docstrings and comments of a module."""
    text = (ROOT / path).read_text("utf-8")
    if not path.endswith(".py"):
        return text
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string for token in tokens if token.type == tokenize.COMMENT]
    texts = [
        node.value.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    ]
    return "\n".join([*comments, *texts])


def named_in(text: str) -> Iterator[str]:
    """Yield the paths from the root that a text names; `*` stands for any name."""
    for found in _NAMED.findall(text):
        yield found.rstrip("/")


def is_there(name: str) -> bool:
    """Tell whether files of the repository lie at a path, or in a folder of that name."""
    return any(ROOT.glob(name)) if "*" in name else (ROOT / name).exists()


def pages() -> list[str]:
    """Return what is read: pages, modules, and what else names paths."""
    return sorted(
        path
        for path in TREE.files
        if path.endswith((".md", ".py", ".toml", ".yaml", ".yml"))
        or path in ("Makefile", "Dockerfile")
    )


def test_every_path_that_is_named_exists() -> None:
    for path in pages():
        missing = {name for name in named_in(prose_of(path)) if not is_there(name)}
        assert not missing, f"{path}: {sorted(missing)}"


def test_every_module_that_a_page_names_without_its_folder_exists() -> None:
    names = {Path(path).name for path in TREE.files}
    for path in TREE.files:
        if path.endswith(".md"):
            named = re.findall(r"`(\w+\.py)`", prose_of(path))
            assert set(named) <= names, f"{path}: {sorted(set(named) - names)}"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see `engine/pool.py` and engine/rows/", []),
        ("see `engine/kept.py`.", ["engine/kept.py"]),
        ("docs/adr/0014", ["docs/adr/0014"]),
        ("tests/e2e/test_faults_*.py", []),
        ("a world/load, /engine/x, my-artifact/models/x", []),
    ],
)
def test_a_path_that_is_gone_is_found(text: str, missing: list[str]) -> None:
    assert [name for name in named_in(text) if not is_there(name)] == missing
