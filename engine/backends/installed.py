"""Whether a library is installed, found out without importing it."""

from __future__ import annotations

from importlib.util import find_spec


def is_installed(module: str) -> bool:
    """Tell whether a module could be imported; imports nothing and takes no time.

    A folder that only has the module's name (a namespace package, without a file) does not count.
    """
    try:
        spec = find_spec(module)
        return spec is not None and spec.origin is not None
    except (ImportError, ValueError):  # a package that is broken, or half removed
        return False
