"""Notes every attribute the adapter uses of a library's objects; the real ones do the work."""

from __future__ import annotations

from typing import Any

WATCHED = frozenset(
    {
        "Builder",
        "IBuilderConfig",
        "INetworkDefinition",
        "IOptimizationProfile",
        "ITimingCache",
        "OnnxParser",
        "ParserError",
    }
)


def watched(one: Any, used: set[tuple[str, str]]) -> Any:
    """Return an object that notes what is asked of it, if it is of a watched class."""
    if type(one).__name__ in WATCHED or type(one).__name__ == "module":
        return Spy(one, used)
    return one


def _plain(one: Any) -> Any:
    return object.__getattribute__(one, "_one") if isinstance(one, Spy) else one


class Spy:
    """Stands before a real object; (class, attribute) pairs go to `used`."""

    def __init__(self, one: Any, used: set[tuple[str, str]]) -> None:
        object.__setattr__(self, "_one", one)
        object.__setattr__(self, "_used", used)

    def __getattribute__(self, name: str) -> Any:
        one, used = (object.__getattribute__(self, field) for field in ("_one", "_used"))
        if name == "__class__":
            return Spy
        found = getattr(one, name)
        used.add((type(one).__name__, name))
        if type(found).__name__ == "pybind11_type" and found.__name__ in WATCHED:
            return lambda *a, **k: watched(found(*map(_plain, a), **k), used)
        if type(found).__name__ in ("method", "instancemethod", "builtin_function_or_method"):
            return lambda *a, **k: watched(found(*map(_plain, a), **k), used)
        return watched(found, used)

    def __setattr__(self, name: str, value: Any) -> None:
        one, used = (object.__getattribute__(self, field) for field in ("_one", "_used"))
        used.add((type(one).__name__, name))
        setattr(one, name, value)
