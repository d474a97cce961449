"""Routes of real requests: which variants a request may become, as the scheduler sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from artifact.task import Task, TaskName
from engine.elastic.course import WORD, Course, Line, Route, Stop, chains, link
from engine.requests.mean_times import MeanTimes
from engine.requests.prediction import Predictor
from engine.residency.family import Family
from engine.rows.caption.stream import FIRST_WORDS
from engine.types import Offer

_POINTS = 100.0


class _RoutesByMeans:
    """The routes made so far, all with the times of one latency profile."""

    def __init__(self, means: MeanTimes) -> None:
        self.means = means
        self.elastic: dict[tuple[TaskName, tuple[str, ...], int, int, int, bool], Route] = {}
        self.fixed: dict[tuple[TaskName, str, int, int, int], Route] = {}
        self.words: dict[tuple[TaskName, str, int, int], Route] = {}


class Router:
    """Makes routes, once per kind and latency profile.

    Thread-safe: making one twice does no harm.
    """

    def __init__(self, family: Family, predictor: Predictor) -> None:
        self._family = family
        self._predictor = predictor
        self._routes = _RoutesByMeans(predictor.means)

    @property
    def _known(self) -> _RoutesByMeans:
        known, means = self._routes, self._predictor.means
        if known.means is not means:  # the profile has been replaced
            known = self._routes = _RoutesByMeans(means)
        return known

    def is_elastic(self, task: Task) -> bool:
        """Tell whether a row of this task may stop or go deeper while it runs.

        A whole variant is one step. A caption's variant is final once it has seen the picture.
        """
        return all(len(member.programs[0].steps) > 1 for member in self._family.of_task(task.name))

    def one_chain(self, task: Task, fitting: Sequence[Offer]) -> tuple[Offer, ...]:
        """Return those of the chain with the best end: each one begins the next.

        Requests whose answers are compared all get the same one, so they always share a stop.
        """
        points = _points(fitting)
        patterns = {v: self._family.member(task.name, v).pattern for v in points}
        best = chains(patterns, points, tuple(points))[0]
        return tuple(offer for offer in fitting if offer.variant in best)

    def elastic(
        self,
        task: Task,
        fitting: Sequence[Offer],
        bucket: int,
        words: int | None = None,
        beams: int = 1,
        first: bool = False,
    ) -> Route:
        """Return the route a request starts on: to the nearest stop; it knows its kin.

        Args:
            task: of the request.
            fitting: what it may become.
            bucket: padded text length; 0 for captions.
            words: bound of a caption's words.
            beams: of a caption.
            first: only its first word is due by the deadline it is scheduled against.
        """
        allowed = tuple(offer.variant for offer in fitting)
        expected = self._expected(words) if task.writes else 0
        key, known = (task.name, allowed, bucket, expected, beams, first), self._known
        if key not in known.elastic:
            points = _points(fitting)
            patterns = {v: self._family.member(task.name, v).pattern for v in allowed}
            ways = [
                self._along(known.means, task, chain, points, bucket, expected, beams, first)
                for chain in chains(patterns, points, tuple(points))
            ]
            link(ways)
            known.elastic[key] = min(ways, key=lambda way: way.alone_s[0])
        return known.elastic[key]

    def _along(
        self,
        means: MeanTimes,
        task: Task,
        chain: tuple[str, ...],
        points: Mapping[str, float],
        bucket: int,
        words: int,
        beams: int,
        first: bool,
    ) -> Route:
        programs = {v: self._family.member(task.name, v).programs[0] for v in chain}
        steps = list(programs[chain[-1]].steps)
        heads = 0 if task.writes else 1
        stops = tuple(Stop(len(of.steps) - heads, v, points[v]) for v, of in programs.items())
        head = None if task.writes else (steps.pop().stage, 0)
        calls = tuple((step.stage, bucket) for step in steps)
        course = Course(calls, tuple(step.order for step in steps), stops, head)
        tails = _tails(means, task, chain, words, beams)
        if not first:
            return Route(course, means.line, task.rows, tails, tail_calls=words or 1)
        due = min(words, FIRST_WORDS)
        due_tails = _tails(means, task, chain, due, beams)
        return Route(course, means.line, task.rows, due_tails, tail_calls=due, whole_tails=tails)

    def words(self, task: Task, variant: str, words: int | None, beams: int) -> Route:
        """Return the route of a caption that has seen its picture: it is at position 1.

        Planned as if it took as many words as captions usually do.
        """
        expected = self._expected(words)
        key, known = (task.name, variant, expected, beams), self._known
        if key not in known.words:
            stem = self._family.member(task.name, variant).programs[0].steps[0].stage
            calls = ((stem, 0), *[WORD] * expected)
            stop = Stop(len(calls), variant, _POINTS)
            course = Course(calls, (None,) * len(calls), (stop,), None)
            line = known.means.word_line(task, variant)
            known.words[key] = Route(course, lambda stage, bucket: line, rows=beams, kind=WORD)
        return known.words[key]

    def _expected(self, words: int | None) -> int:
        usual = self._predictor.caption_length.expected
        return usual if words is None else min(words, usual)

    def fixed(
        self, task: Task, variant: str, bucket: int, words: int | None = None, beams: int = 1
    ) -> Route:
        """Return the route of one variant from its first step to the one that has the answer.

        A caption's ends with its image pass; what follows is `words`.
        """
        expected = self._expected(words) if task.writes else 0
        key, known = (task.name, variant, bucket, expected, beams), self._known
        if key not in known.fixed:
            steps = self._family.member(task.name, variant).programs[0].steps
            calls = tuple((s.stage, 0 if s.stage.is_head else bucket) for s in steps)
            stop = Stop(len(calls), variant, _POINTS)
            course = Course(calls, tuple(step.order for step in steps), (stop,), None)
            tails = _tails(known.means, task, (variant,), expected, beams)
            known.fixed[key] = Route(course, known.means.line, task.rows, tails)
        return known.fixed[key]


def _tails(
    means: MeanTimes, task: Task, variants: Sequence[str], words: int, beams: int
) -> Sequence[Line]:
    """Return the seconds of the words that follow each variant's stop, if it writes."""
    if not task.writes:
        return ()
    lines = [means.word_line(task, variant) for variant in variants]
    return [(words * fixed_s, words * row_s * beams) for fixed_s, row_s in lines]


def _points(offers: Sequence[Offer]) -> dict[str, float]:
    """Return quality in points; unmeasured variants count only where none was measured.

    Then more executed orders are taken to be better.
    """
    measured = {o.variant: o.quality * _POINTS for o in offers if o.quality is not None}
    if measured:
        return measured
    deepest = max(len(offer.executed) for offer in offers)
    return {o.variant: len(o.executed) / deepest * _POINTS for o in offers}
