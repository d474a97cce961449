"""Routes of real requests: which variants a request may become, as the scheduler sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from engine.elastic.course import Call, Course, Line, Route, Stop, chains, link
from engine.family import Family, Member
from engine.prediction import Predictor
from engine.types import Offer, Task

_POINTS = 100.0


class Router:
    """Makes routes, once per kind. Thread-safe: making one twice does no harm."""

    def __init__(self, family: Family, predictor: Predictor) -> None:
        self._family = family
        self._predictor = predictor
        self._elastic: dict[tuple[Task, tuple[str, ...], int], Route] = {}
        self._fixed: dict[tuple[Task, str, int, int, int], Route] = {}

    def is_elastic(self, task: Task) -> bool:
        """Tell whether a row of this task may stop or go deeper while it runs.

        A caption's variant is chosen before its first step; a whole variant is one step.
        """
        return task == "vqa" and all(
            len(member.programs[0].steps) > 1 for member in self._family.of_task(task)
        )

    def elastic(self, task: Task, fitting: Sequence[Offer], bucket: int) -> Route:
        """Return the route a question starts on: to the nearest stop; it knows its kin."""
        allowed = tuple(offer.variant for offer in fitting)
        key = (task, allowed, bucket)
        if key not in self._elastic:
            points = _points(fitting)
            patterns = {v: self._family.member(task, v).pattern for v in allowed}
            ways = [
                self._along(task, chain, points, bucket)
                for chain in chains(patterns, points, tuple(points))
            ]
            link(ways)
            self._elastic[key] = min(ways, key=lambda way: way.fixed_s[0] + way.row_s[0])
        return self._elastic[key]

    def _along(
        self, task: Task, chain: tuple[str, ...], points: Mapping[str, float], bucket: int
    ) -> Route:
        (program,) = self._family.member(task, chain[-1]).programs
        *steps, head = program.steps
        depths = {v: self._family.member(task, v).pattern.depth for v in chain}
        stops = tuple(Stop(1 + depths[v], v, points[v]) for v in chain)
        calls = tuple((step.stage, bucket) for step in steps)
        orders = tuple(step.order for step in steps)
        return Route(Course(calls, orders, stops, (head.stage, 0)), self._predictor.line)

    def fixed(self, task: Task, variant: str, bucket: int, words: int | None) -> Route:
        """Return the route of one variant from its first step to its answer.

        `words` bounds a caption. It is planned as if it took as many as captions usually do.
        """
        limit = self._family.manifest.text.max_caption_tokens - 1
        words = limit if words is None else min(words, limit)
        expected = min(words, self._predictor.caption_length.expected)
        key = (task, variant, bucket, words, expected)
        if key not in self._fixed:
            member = self._family.member(task, variant)
            steps = list(self._steps(member, bucket, words))
            calls = tuple(call for call, _ in steps)
            stops = (Stop(len(calls), variant, _POINTS),)
            course = Course(calls, tuple(order for _, order in steps), stops, None)
            decode = {step.stage for step in member.programs[-1].steps}
            share = expected / words if member.task == "caption" else 1.0

            def line(stage: str, bucket: int) -> Line:
                fixed_s, row_s = self._predictor.line(stage, bucket)
                part = share if stage in decode else 1.0
                return fixed_s * part, row_s * part

            self._fixed[key] = Route(course, line)
        return self._fixed[key]

    def _steps(self, member: Member, bucket: int, words: int) -> Iterator[tuple[Call, int | None]]:
        for step in member.programs[0].steps:
            yield (step.stage, bucket if member.task == "vqa" else 0), step.order
        if member.task == "caption":
            image_tokens = self._family.manifest.config.image_tokens
            for cached in range(image_tokens, image_tokens + words):
                size = next(b for b in self._family.cache_buckets if b >= cached)
                for step in member.programs[1].steps:
                    yield (step.stage, 0 if step.order is None else size), step.order


def _points(offers: Sequence[Offer]) -> dict[str, float]:
    """Return quality in points; unmeasured variants count only where none was measured.

    Then more executed orders are taken to be better.
    """
    measured = {o.variant: o.quality * _POINTS for o in offers if o.quality is not None}
    if measured:
        return measured
    deepest = max(len(offer.executed) for offer in offers)
    return {o.variant: len(o.executed) / deepest * _POINTS for o in offers}
