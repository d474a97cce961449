"""Why a request that was settled while it ran is not answered by its best variant. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from engine.elastic.chances import Chances
from engine.elastic.course import Route
from engine.elastic.forks import answers_ahead
from engine.requests.request import Request
from engine.types import Degraded, DegradedReason

PROMISED = 0.9
"""Share of answers that are to come within their predicted time."""


def why_degraded(
    request: Request, chances: Chances, now: float, together: int, gave_way: bool
) -> Degraded | None:
    """Return why a request answers now from the last stop it passed; None: it is the best one.

    Args:
        request: elastic, before it is settled.
        chances: how long calls take now.
        now: seconds on the pool's clock.
        together: how many rows go on together.
        gave_way: others needed the engine.
    """
    view, route = request.view, request.view.route
    best = route.kin[0]
    if route.banked(view.position).variant == best.course.stops[-1].variant:
        return None
    ahead = _next_better(route, view.position, together)
    parted = ahead is None
    began_s, (variant, calls, mean_s) = now, ahead or _whole_way(best, together)
    if parted:
        began_s = request.started_s
    predicted_s = chances.needed_s(calls, mean_s, PROMISED)
    if not request.has_deadline:
        return Degraded("load", variant, predicted_s, None)
    left_s = view.deadline_s - began_s
    reason: DegradedReason = "time"
    if gave_way or (parted and predicted_s <= left_s):
        reason = "load"
    elif request.lost or _tail_s(route, view.position, together, chances) > view.deadline_s - now:
        reason = "late"
    return Degraded(reason, variant, predicted_s, left_s)


_Ahead = tuple[str, int, float]
"""A variant still ahead of a row: its name, the calls to its answer, their mean seconds."""


def _next_better(route: Route, position: int, together: int) -> _Ahead | None:
    """Return the nearest better variant that can still be reached; None: the ways have parted."""
    banked = route.banked(position).quality
    ways = (way for way in route.kin if way.course.agrees(route.course, position))
    ahead = (each for way in ways for each in _ahead(way, position, together, banked))
    return min(ahead, key=lambda each: each[2], default=None)


def _whole_way(best: Route, together: int) -> _Ahead:
    *_, deepest = _ahead(best, 0, together, 0.0)
    return deepest


def _ahead(way: Route, position: int, together: int, above: float) -> Iterator[_Ahead]:
    """Yield the better answers ahead of a row, nearest first, in batches of `together`."""
    stops = way.course.stops[way.passed[position] :]
    answers = answers_ahead(way, position, together, together)
    for stop, (quality, calls, mean_s) in zip(stops, answers, strict=True):
        if quality > above:
            yield stop.variant, calls, mean_s


def _tail_s(route: Route, position: int, together: int, chances: Chances) -> float:
    """Return the seconds, as calls take now, from the last stop passed to its answer."""
    fixed_s, row_s = route.tail(position)
    return (fixed_s + row_s * together) * chances.level
