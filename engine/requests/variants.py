"""Which variant a request becomes: its route at arrival, its end at the first step or the last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from engine.elastic.course import Route
from engine.errors import DeadlineError, DeadlineExpired, DeadlineUnattainable
from engine.requests.answers import Job
from engine.requests.open_requests import Place
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor, Trip
from engine.requests.routes import Router
from engine.residency.family import Family
from engine.rows.caption.row import CaptionRow
from engine.telemetry import Telemetry


class Steering:
    """Routes and variants of jobs. `route` from any thread, the rest on the executor's."""

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
        self, place: Place, text_bucket: int, words: int | None = None, beams: int = 1
    ) -> Route:
        """Return the route of a request that has not started, and note in its place what it needs.

        Where the variant is chosen at the first step, it is the quickest variant's until then.
        """
        task = place.ticket.task
        fitting = self._planner.fitting(task, place.ticket.budget, place.variant, place.beams)
        place.keys = max(offer.keys[-1] for offer in fitting) + 1
        if self._router.is_elastic(task):
            route = self._router.elastic(task, fitting, text_bucket, words, beams)
        else:
            variant = self._planner.quickest(fitting)
            route = self._router.fixed(task, variant, text_bucket, words, beams)
        place.least = route.course.stops[0].variant
        return route

    def route_again(self, jobs: Iterable[Job]) -> None:
        """Give jobs that have not started the routes that the resident keys allow now."""
        for job in jobs:
            route = self.route(job.place, job.text_bucket, job.words, job.beams)
            job.view.route = route
            job.planned = False
            self._follow(job, route.course.stops[-1].variant)

    def turn(self, job: Job, route: Route) -> None:
        """Let a job go another way from here."""
        job.view.route = route
        self._follow(job, route.course.stops[-1].variant)

    def plan(self, jobs: Sequence[Job], now: float) -> dict[int, DeadlineUnattainable]:
        """Choose the variant of those that must have one before their first step.

        Returns:
            Whom not even the quickest variant answers in time, under `reject`.
        """
        refused: dict[int, DeadlineUnattainable] = {}
        waiting = [job for job in jobs if not job.elastic and not job.planned]
        if not waiting:
            return refused
        before_s = self._planner.backlog(now, {job.id for job in jobs}).before_s
        together = min(sum(job.beams for job in jobs), self._max_batch)
        for job in waiting:
            try:
                self._choose(job, now, before_s(job.view.deadline_s), together)
            except DeadlineUnattainable as error:
                refused[job.id] = error
        return refused

    def _choose(self, job: Job, now: float, wait_s: float, batch: int) -> None:
        place, ticket = job.place, job.place.ticket
        slack_s = ticket.deadline_s - now
        fitting = self._planner.fitting(ticket.task, ticket.budget, place.variant, place.beams)
        choice = self._planner.plan(
            fitting,
            ticket.budget,
            slack_s,
            0.0 if math.isinf(slack_s) else wait_s,
            bucket=job.text_bucket,
            batch=batch,
            words=job.words,
        )
        place.variant, place.lost = choice.variant, choice.lost
        place.keys = self._family.member(ticket.task, choice.variant).keys[-1] + 1
        job.planned, job.degraded, job.predicted_s = True, choice.degraded, choice.service_s
        job.view.route = self._router.fixed(
            ticket.task, choice.variant, job.text_bucket, job.words, job.beams
        )
        place.least = choice.variant
        self._follow(job, choice.variant)

    def start(self, job: Job, now: float, batch: int) -> None:
        """Note that a job's first step comes now, in a batch that will be about so large."""
        route, place = job.view.route, job.place
        tail_fixed_s, tail_row_s = route.tails[0]
        mean_s = route.fixed_s[0] - tail_fixed_s + (route.row_s[0] - tail_row_s) * batch
        job.first_s = route.alone_s[0]
        promised_s = mean_s * self._predictor.whole.high
        place.started, job.started_s = True, now
        place.lost = place.lost or now + mean_s > job.view.deadline_s
        if not place.lost:
            job.trip = Trip(now, mean_s)
        slack_s = place.ticket.deadline_s - now - promised_s
        self._telemetry.started(now - job.submitted_s, None if math.isinf(slack_s) else slack_s)

    def settle(self, job: Job, now: float, together: int) -> None:
        """Make a job answer from the last stop it passed.

        What was chosen before its first step keeps the prediction made then.
        """
        view, place = job.view, job.place
        stop, route = view.route.banked(view.position), view.route
        member = self._family.member(place.ticket.task, stop.variant)
        place.variant, place.keys = stop.variant, member.keys[-1] + 1
        fixed_s, row_s = route.tail(view.position)
        tail_s = fixed_s + row_s * min(together, self._max_batch)
        if job.elastic:
            job.degraded = stop.variant != route.kin[0].course.stops[-1].variant
            job.predicted_s = now - job.started_s + tail_s * self._predictor.calls.high
        job.row.settle(member.programs)
        if isinstance(job.row, CaptionRow):
            view.route = self._router.words(stop.variant, job.words, job.beams)
            view.position = 1
            job.moved(0)
            job.trip = None if place.lost else Trip(now, tail_s)
        else:
            view.final, place.remaining = True, 0.0

    def give_up(self, job: Job, now: float) -> DeadlineError:
        """Return why a job ends without an answer: too late, or sure to become so."""
        ticket, view = job.place.ticket, job.view
        elapsed_s = now - ticket.arrived_s
        if now >= job.place.expires_s or ticket.budget.max_latency_ms is None:
            return DeadlineExpired(elapsed_s)
        route = view.route
        left_s = (route.fixed_s[view.position] + route.row_s[view.position]) * (
            self._predictor.calls.high
        )
        variant = route.course.stops[0].variant
        predicted_ms = (elapsed_s + left_s) * 1e3
        return DeadlineUnattainable(ticket.budget.max_latency_ms, predicted_ms, variant)

    def learn_length(self, job: Job) -> None:
        """Learn from a finished caption how long captions are."""
        if isinstance(job.row, CaptionRow):
            self._predictor.caption_length.add(job.row.decoded)

    def _follow(self, job: Job, variant: str) -> None:
        job.row.follow(self._family.member(job.place.ticket.task, variant).programs)
