"""Which variant a request becomes: its route at arrival, its end at the first step or the last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf, isinf

from engine.elastic.course import Route
from engine.errors import DeadlineError, DeadlineExpired, DeadlineUnattainable
from engine.requests.degrading import PROMISED, why_degraded
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor
from engine.requests.request import Request
from engine.requests.routes import Router
from engine.residency.family import Family
from engine.rows.caption.stream import FIRST_WORDS
from engine.telemetry import Telemetry
from engine.types import Offer


class VariantSetter:
    """Sets routes and variants. `route` from any thread, the rest on the engine's."""

    def __init__(
        self,
        family: Family,
        router: Router,
        planner: Planner,
        predictor: Predictor,
        max_batch: int,
        telemetry: Telemetry,
    ) -> None:
        self._family = family
        self._router = router
        self._planner = planner
        self._predictor = predictor
        self._max_batch = max_batch
        self._telemetry = telemetry

    def route(
        self, request: Request, text_bucket: int, words: int | None = None, beams: int = 1
    ) -> Route:
        """Return the route of a request that has not started, and note in it what it needs.

        Where the variant is chosen at the first step, it is the quickest variant's until then.
        """
        task, first = request.task, request.awaits_first_word
        fitting = self._fitting(request)
        request.keys = max(offer.keys[-1] for offer in fitting) + 1
        if self._router.is_elastic(task):
            route = self._router.elastic(task, fitting, text_bucket, words, beams, first)
        else:
            variant = self._planner.quickest(fitting)
            due = FIRST_WORDS if first else words
            route = self._router.fixed(task, variant, text_bucket, due, beams)
        request.least = route.course.stops[0].variant
        return route

    def route_again(self, requests: Iterable[Request]) -> None:
        """Give requests that have not started the routes that the resident keys allow now."""
        for request in requests:
            request.planned = False
            route = self.route(request, request.text_bucket, request.words, request.texts)
            self.turn(request, route)

    def turn(self, request: Request, route: Route) -> None:
        """Let a request go another way from here."""
        request.view.route = route
        self._follow(request, route.course.stops[-1].variant)

    def plan(self, requests: Sequence[Request], now: float) -> dict[int, DeadlineUnattainable]:
        """Choose the variant where that must be done before the first step.

        Returns:
            By id, why not even the quickest variant answers in time, under `reject`.
        """
        refused: dict[int, DeadlineUnattainable] = {}
        waiting = [each for each in requests if not each.elastic and not each.planned]
        if not waiting:
            return refused
        before_s = self._planner.backlog(now, {each.id for each in requests}).before_s
        together = min(sum(each.texts for each in requests), self._max_batch)
        for request in waiting:
            try:
                self._choose(request, now, before_s(request.view.deadline_s), together)
            except DeadlineUnattainable as error:
                refused[request.id] = error
        return refused

    def _choose(self, request: Request, now: float, wait_s: float, batch: int) -> None:
        task = request.task
        choice = self._planner.plan(
            self._fitting(request),
            request.budget,
            request.due_s - now,
            0.0 if isinf(request.due_s) else wait_s,
            bucket=request.text_bucket,
            batch=batch,
            words=request.words_due,
        )
        request.variant = request.least = choice.variant
        request.lost, request.degraded_because = choice.lost, choice.degraded_because
        request.keys = self._family.member(task.name, choice.variant).keys[-1] + 1
        request.planned, request.answer_s = True, choice.service_s
        self.turn(
            request,
            self._router.fixed(
                task, choice.variant, request.text_bucket, request.words_due, request.texts
            ),
        )

    def _fitting(self, request: Request) -> tuple[Offer, ...]:
        task, beams = request.task, request.beams
        found = self._planner.fitting(task, request.budget, request.variant, beams)
        if request.every_stop:
            found = self._router.one_chain(task, found)
        if not request.awaits_first_word:
            return found
        rest_s = request.deadline_s - request.first_due_s
        return self._planner.written_within(found, rest_s, request.words, beams)

    def start(self, request: Request, now: float, batch: int) -> None:
        """Note that a request's first step comes now, in a batch of about `batch` rows."""
        route = request.view.route
        tail_fixed_s, tail_row_s = route.tails[0]
        mean_s = route.fixed_s[0] - tail_fixed_s + (route.row_s[0] - tail_row_s) * batch
        request.alone_s = route.alone_s[0]
        promised_s = mean_s * self._predictor.whole.high
        request.started, request.started_s = True, now
        request.lost = request.lost or now + mean_s > request.view.deadline_s
        request.begin_way(now, None if request.lost else mean_s)
        slack_s = None if isinf(request.due_s) else request.due_s - now - promised_s
        self._telemetry.started(now - request.submitted_s, slack_s)

    def settle(self, request: Request, now: float, together: int, gave_way: bool = False) -> None:
        """Make a request answer from the last stop it passed.

        What was chosen before its first step keeps the prediction made then. `gave_way`: it had
        the time to go deeper.
        """
        view, route = request.view, request.view.route
        stop = route.banked(view.position)
        member = self._family.member(request.task.name, stop.variant)
        request.variant, request.keys = stop.variant, member.keys[-1] + 1
        fixed_s, row_s = route.tail(view.position)
        tail_s = fixed_s + row_s * min(together, self._max_batch)
        if request.elastic:
            request.degraded_because = why_degraded(
                request, self._predictor.times.chances, now, together, gave_way
            )
            request.answer_s = now - request.started_s + self._tail_s(route, tail_s)
        request.row.settle(member.programs)
        if not request.task.writes:
            view.final, request.remaining = True, 0.0
            return
        words = request.words_due
        view.route = self._router.words(request.task, stop.variant, words, request.texts)
        view.position = 1
        request.moved(0)
        request.begin_way(now, None if request.lost else tail_s)

    def first_word(self, request: Request, now: float) -> None:
        """Note that a first word with a deadline of its own has come: the others are due later."""
        request.first_word_late = now > request.first_due_s
        request.first_due_s = inf
        view = request.view
        view.route = self._router.words(request.task, request.variant, request.words, request.texts)
        view.position = 1 if request.row.caption is None else 1 + request.row.caption.decoded
        request.moved(0)
        rest_s = view.route.due_s(view.position)
        request.alone_s += rest_s
        request.remaining = rest_s / request.alone_s
        request.lost = now + rest_s > request.deadline_s
        request.begin_way(now, None if request.lost else rest_s)

    def _tail_s(self, route: Route, mean_s: float) -> float:
        """Return the seconds within which nine of ten answers come once they are settled."""
        return self._predictor.times.chances.needed_s(max(route.tail_calls, 1), mean_s, PROMISED)

    def give_up(self, request: Request, now: float) -> DeadlineError:
        """Return why a request ends without an answer: too late, or sure to become so."""
        budget, view = request.budget, request.view
        elapsed_s = now - request.arrived_s
        first = request.awaits_first_word
        limit_ms = budget.max_first_token_ms if first else budget.max_latency_ms
        if now >= view.expires_s or limit_ms is None:
            return DeadlineExpired(elapsed_s)
        route = view.route
        left_s = route.fixed_s[view.position] + route.row_s[view.position]
        predicted_ms = (elapsed_s + left_s * self._predictor.times.level) * 1e3
        variant = route.course.stops[0].variant
        return DeadlineUnattainable(limit_ms, predicted_ms, variant, first)

    def learn_length(self, request: Request) -> None:
        """Learn from a finished caption how long captions are."""
        if request.row.caption is not None:
            self._predictor.caption_length.add(request.row.caption.decoded)

    def _follow(self, request: Request, variant: str) -> None:
        request.row.follow(self._family.member(request.task.name, variant).programs)
