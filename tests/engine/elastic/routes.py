"""Routes for the tests of the scheduler, through variants of eight orders."""

from __future__ import annotations

from artifact.pattern import SkipPattern
from engine.elastic.course import Course, Line, Route, Stop, chains, link

ORDERS = 8
PATTERNS = {
    name: SkipPattern(executed, ORDERS)
    for name, executed in {
        "d2": (0, 1),
        "d3": (0, 1, 3),
        "d5": (0, 1, 3, 4, 6),
        "d6": (0, 1, 3, 4, 6, 7),
        "full": tuple(range(ORDERS)),
        "p": (0, 2, 5),
    }.items()
}
QUALITY = {"d2": 50.0, "d3": 60.0, "p": 61.0, "d5": 70.0, "d6": 71.0, "full": 72.0}


def line(stage: str, bucket: int) -> Line:
    return (0.3e-3, 0.05e-3) if stage.startswith("stem") else (0.15e-3, 0.07e-3)


def family(allowed: list[str], keys: int, task: str, bucket: int) -> list[Route]:
    """The routes through the allowed variants, the one with the nearest first stop first."""
    routes = [course(names, keys, task, bucket) for names in chains(PATTERNS, QUALITY, allowed)]
    link(routes)
    return sorted(routes, key=lambda route: route.fixed_s[0])


def course(names: tuple[str, ...], keys: int, task: str, bucket: int) -> Route:
    executed = PATTERNS[names[-1]].executed
    blocks = tuple((f"block[{order * keys // ORDERS}]", bucket) for order in executed)
    stops = tuple(Stop(PATTERNS[name].depth + 1, name, QUALITY[name]) for name in names)
    calls = ((f"stem[{task}]", bucket), *blocks)
    return Route(Course(calls, (None, *executed), stops, (f"head[{task}]", 0)), line)


def two_stops() -> Route:
    """Return a route of four blocks with a stop after the second and after the last."""
    stops = (Stop(3, "d2", 50.0), Stop(5, "d4", 60.0))
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * 4)
    return Route(Course(calls, (None, 0, 1, 2, 3), stops, ("head[vqa]", 0)), line)
