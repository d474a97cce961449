"""How many modules of a package stand on top of each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import grimp

from structure.tree import Limit

LONGEST_CHAIN = 10

Arrows = Mapping[str, set[str]]
"""Each module of a package, and the modules of the package that it imports."""


def arrows(package: str) -> Arrows:
    """Read the imports within a package that Python can find.

    Imports inside functions count, and imports under TYPE_CHECKING too: a reader follows them all.
    """
    graph = grimp.build_graph(package, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def longest_chain(imports: Arrows) -> list[str]:
    """Return the longest chain: each module imports the next; a circle counts all its modules."""

    @cache
    def reached(module: str) -> frozenset[str]:
        found, waiting = set[str](), [module]
        while waiting:
            new = imports[waiting.pop()] - found
            found |= new
            waiting += new
        return frozenset(found)

    @cache
    def chain(module: str) -> tuple[str, ...]:
        cycle = [m for m in sorted(reached(module)) if module in reached(m)] or [module]
        below = sorted({low for each in cycle for low in imports[each]} - set(cycle))
        return (*cycle, *longest(below))

    def longest(modules: Iterable[str]) -> tuple[str, ...]:
        return max((chain(module) for module in modules), key=len, default=())

    return list(longest(sorted(imports)))


def measure(package: str = "engine") -> Limit:
    """Measure the longest chain of a package."""
    chain = longest_chain(arrows(package))
    what = f"modules in the longest import chain of {package}/"
    return Limit(what, len(chain), LONGEST_CHAIN, tuple(chain))
