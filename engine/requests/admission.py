"""Taking a place for a request, or refusing it before anything is spent on it (ADR 0014)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

from artifact.task import TASKS, Task, TaskName
from engine.config import EngineConfig
from engine.errors import DeadlineUnattainable, Draining, EngineError, InvalidInput, NotReady
from engine.requests.open_requests import OpenRequests
from engine.requests.planner import Planner
from engine.requests.policy import check_budget, expires_s
from engine.requests.request import Request
from engine.residency.adapters.shelf import AdapterShelf
from engine.residency.family import Family
from engine.rows.caption.stream import FIRST_WORDS
from engine.tasks.caption import check_beams
from engine.types import Budget


@dataclass(frozen=True)
class Known:
    """What is known of a request before its picture is decoded; see `EnginePool.admit`."""

    arrived_s: float
    decode_s: float = 0.0
    rows: int = 1
    tokens: int | None = None
    reply_s: float = 0.0
    adapter: str | None = None
    outside: int = 0


def shed_reason(error: EngineError) -> str:
    """Return why a request was refused, as one of `engine.telemetry.SHED_REASONS`."""
    return _REASONS.get(type(error), "queue_full")


class Admission:
    """Opens requests, or refuses them. Thread-safe."""

    def __init__(
        self,
        family: Family,
        planner: Planner,
        requests: OpenRequests,
        config: EngineConfig,
        max_beams: int,
        shelf: AdapterShelf,
    ) -> None:
        self._family = family
        self._planner = planner
        self._requests = requests
        self._config = config
        self._max_beams = max_beams
        self._shelf = shelf

    def open(self, name: TaskName, budget: Budget, known: Known, now: float) -> Request:
        """Take a place for a request.

        An idle engine refuses nothing for times learned under a load that is gone.

        Raises:
            RequestError, CapacityError, DeadlineUnattainable: why not.
        """
        self._requests.outside = known.outside
        check_budget(budget)
        tasks = self._family.manifest.tasks
        if name not in tasks:
            raise InvalidInput("task", f"this artifact has {', '.join(tasks)}")
        task = TASKS[name]
        beams = known.rows if task.writes else 1
        check_beams(beams, self._max_beams)
        slots = beams if task.writes else 0
        self._requests.check_open(now, lambda: self._planner.backlog(now).total_s, slots)
        lease = None if known.adapter is None else self._shelf.lease(known.adapter)
        try:
            request = self._planned(task, budget, known, beams, now)
            request.adapter = lease
            request.future.set_running_or_notify_cancel()
            self._requests.add(request, now, lambda: self._planner.backlog(now).total_s)
        except BaseException:  # it has no place, so nothing else would let go
            if lease is not None:
                lease.release()
            raise
        return request

    def _planned(self, task: Task, budget: Budget, known: Known, beams: int, now: float) -> Request:
        limit_ms = budget.max_latency_ms or self._config.default_latency_ms
        deadline_s = math.inf if limit_ms is None else known.arrived_s + limit_ms / 1e3
        first_due_s = _first_due_s(task, budget, known, deadline_s)
        due_s = min(deadline_s, first_due_s) - known.reply_s
        bucket = self._family.text_bucket(math.inf if task.writes else known.tokens or math.inf)
        wait_s = max(known.decode_s, self._planner.backlog(now).before_s(due_s))
        fitting = self._planner.fitting(task, budget, beams=beams)
        words = known.tokens if task.writes else None
        limits = budget
        if not math.isinf(first_due_s):
            rest_s = deadline_s - first_due_s
            fitting = self._planner.written_within(fitting, rest_s, words, beams)
            limits, words = replace(budget, max_latency_ms=None), FIRST_WORDS
        plan = partial(self._planner.plan, bucket=bucket, batch=beams, words=words, waits=False)
        try:
            choice = plan(fitting, limits, due_s - now, wait_s)
        except DeadlineUnattainable:
            # Times learned under load would refuse for ever: a refused request teaches nothing.
            if not (self._requests.idle and self._planner.forget_load(now)):
                raise
            choice = plan(fitting, limits, due_s - now, wait_s)
        return Request(
            id=self._requests.next_id(),
            task=task,
            budget=budget,
            arrived_s=known.arrived_s,
            deadline_s=deadline_s,
            expires_s=self._expires_s(deadline_s, budget, known),
            first_due_s=first_due_s,
            reply_s=known.reply_s,
            request_bytes=self._family.member(task.name, choice.variant).request_bytes * beams,
            beams=beams,
            bucket=bucket,
            predicted_s=wait_s + choice.service_s + known.reply_s,
            variant=choice.variant,
            least=self._planner.quickest(fitting),
            keys=max(offer.keys[-1] for offer in fitting) + 1,
            lost=choice.lost,
        )

    def _expires_s(self, deadline_s: float, budget: Budget, known: Known) -> float:
        strict = budget.on_miss == "reject"
        return expires_s(deadline_s, strict, self._config.grace_s, known.reply_s)


def _first_due_s(task: Task, budget: Budget, known: Known, deadline_s: float) -> float:
    """Return when the first word is due; infinite where that says no more than the deadline."""
    if not task.writes or budget.max_first_token_ms is None:
        return math.inf
    due_s = known.arrived_s + budget.max_first_token_ms / 1e3
    return due_s if due_s < deadline_s else math.inf


_REASONS: dict[type[EngineError], str] = {
    Draining: "draining",
    NotReady: "not_ready",
    DeadlineUnattainable: "deadline",
}
