"""One word, one meaning: names of classes, and the glossary."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from structure.tree import Source, Tree

ROOT = Path(__file__).parents[2]
TREE = Tree.of_git(ROOT)
MANY = 5
"""Modules that import a class, from which on the glossary has it."""


def classes(sources: tuple[Source, ...]) -> Iterator[tuple[str, Source, ast.ClassDef]]:
    """Yield every class at the top of a module, with its name without a leading underscore."""
    for source in sources:
        for node in source.syntax.body:
            if isinstance(node, ast.ClassDef):
                yield node.name.lstrip("_"), source, node


def errors(sources: tuple[Source, ...]) -> set[str]:
    """Return the names of classes that can be raised."""
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for _, _, node in classes(sources)
    }

    def is_error(name: str) -> bool:
        return name in ("Exception", "ValueError") or any(map(is_error, bases.get(name, ())))

    return {name for name in bases if is_error(name)}


def importers(sources: tuple[Source, ...]) -> dict[tuple[str, str], set[str]]:
    """Return by (module, name) the files that import the name from the module."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for source in sources:
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found[node.module or "", alias.name].add(source.path)
    return found


def test_no_two_classes_of_the_product_share_a_name() -> None:
    counts = Counter(name for name, _, _ in classes(TREE.product()))
    assert {name for name, count in counts.items() if count > 1} == set()


def test_the_glossary_has_every_class_that_many_modules_use() -> None:
    sources = TREE.product()
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8")
    defined = set(re.findall(r"`(\w+)`", glossary))
    used, raised = importers(sources), errors(sources)
    missing = {
        name
        for name, source, node in classes(sources)
        if len(used[source.path.removesuffix(".py").replace("/", "."), node.name]) >= MANY
        and name not in defined | raised
    }
    assert missing == set()


def test_the_glossary_names_no_class_that_is_gone() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text("utf-8")
    there = {name for name, _, _ in classes(TREE.product())}
    words = re.findall(r"^\| [^|]*?\((`[^|]*?)\) \|", glossary, re.M)
    named = {name for word in words for name in re.findall(r"`(\w+)`", word)}
    assert named <= there, sorted(named - there)
    assert len(named) > MANY
