"""Taking a place for a request, or refusing it before anything is spent on it (ADR 0014)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

from engine.config import EngineConfig
from engine.errors import DeadlineUnattainable, Draining, EngineError, InvalidInput, NotReady
from engine.requests.open_requests import Ledger, Place
from engine.requests.planner import Planner
from engine.requests.policy import check_budget, expires_s
from engine.requests.row_maker import Intake
from engine.residency.family import Family
from engine.types import Budget, Task, Ticket


@dataclass(frozen=True)
class Known:
    """What is known of a request before its picture is decoded; see `EnginePool.admit`."""

    arrived_s: float
    decode_s: float = 0.0
    rows: int = 1
    tokens: int | None = None
    reply_s: float = 0.0


def shed_reason(error: EngineError) -> str:
    """Return why a request was refused, as one of `engine.telemetry.SHED_REASONS`."""
    return _REASONS.get(type(error), "queue_full")


class Admission:
    """Makes tickets. Thread-safe."""

    def __init__(
        self, family: Family, planner: Planner, ledger: Ledger, intake: Intake, config: EngineConfig
    ) -> None:
        self._family = family
        self._planner = planner
        self._ledger = ledger
        self._intake = intake
        self._config = config

    def take(self, task: Task, budget: Budget, known: Known, now: float) -> Ticket:
        """Take a place.

        An idle engine refuses nobody for times learned under a load that is gone.

        Raises:
            RequestError, CapacityError, DeadlineUnattainable: why not.
        """
        check_budget(budget)
        tasks = self._family.manifest.tasks
        if task not in tasks:
            raise InvalidInput("task", f"this artifact has {', '.join(tasks)}")
        beams = known.rows if task == "caption" else 1
        self._intake.check_caption(None, beams)
        slots = beams if task == "caption" else 0
        self._ledger.check_open(now, lambda: self._planner.backlog(now).total_s, slots)
        place = self._place(task, budget, known, beams, now)
        place.future.set_running_or_notify_cancel()
        self._ledger.add(place, now, lambda: self._planner.backlog(now).total_s)
        return place.ticket

    def _place(self, task: Task, budget: Budget, known: Known, beams: int, now: float) -> Place:
        limit_ms = budget.max_latency_ms or self._config.default_latency_ms
        deadline_s = math.inf if limit_ms is None else known.arrived_s + limit_ms / 1e3
        due_s = deadline_s - known.reply_s
        caption = task == "caption"
        bucket = self._family.text_bucket(math.inf if caption else known.tokens or math.inf)
        wait_s = max(known.decode_s, self._planner.backlog(now).before_s(due_s))
        fitting = self._planner.fitting(task, budget, beams=beams)
        words = known.tokens if caption else None
        plan = partial(self._planner.plan, bucket=bucket, batch=beams, words=words, waits=False)
        try:
            choice = plan(fitting, budget, due_s - now, wait_s)
        except DeadlineUnattainable:
            # Times learned under load would refuse for ever: who is refused teaches nothing.
            if not (self._ledger.idle and self._planner.forget_load(now)):
                raise
            choice = plan(fitting, budget, due_s - now, wait_s)
        ticket = Ticket(
            id=self._ledger.next_id(),
            task=task,
            budget=budget,
            arrived_s=known.arrived_s,
            deadline_s=deadline_s,
            variant=choice.variant,
            predicted_s=wait_s + choice.service_s + known.reply_s,
        )
        return Place(
            ticket=ticket,
            variant=choice.variant,
            least=self._planner.quickest(fitting),
            keys=max(offer.keys[-1] for offer in fitting) + 1,
            expires_s=expires_s(deadline_s, budget.on_miss == "reject", self._config.grace_s),
            lost=choice.lost,
            request_bytes=self._family.member(task, choice.variant).request_bytes * beams,
            beams=beams,
            bucket=bucket,
            reply_s=known.reply_s,
        )


_REASONS: dict[type[EngineError], str] = {
    Draining: "draining",
    NotReady: "not_ready",
    DeadlineUnattainable: "deadline",
}
