"""What one run shares between its users, and what is settled before it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from gevent.pool import Group
from locust.exception import StopUser

from loadtests.kit.asking.answers import RightAnswers, requests_by_outcome
from loadtests.kit.asking.cases import Cases, load_cases
from loadtests.kit.asking.tasks import ASKED
from loadtests.locust.errors import LoadTestError, OptionError
from loadtests.locust.levels import arrivals
from loadtests.locust.marks import RequestMark
from loadtests.locust.options import LoadOptions
from loadtests.locust.schedules import REPLAY, Arrival, Mix, read_trace, replay, schedule
from loadtests.locust.sizing import ServedArtifact, Sizing


@dataclass(frozen=True)
class RunBasis:
    """What a run needs before its first request: measured, or given as options.

    `schedule` is None without a shape; `capacity_hz` where nothing is a multiple of it.
    """

    options: LoadOptions
    user: str
    mix: Mix
    cases: Cases
    offer: ServedArtifact
    solo_s: Mapping[str, float]
    capacity_hz: float | None
    schedule: Sequence[Arrival] | None


def measure_basis(options: LoadOptions, host: str, user: str, mix: Mix) -> RunBasis:
    """Measure what the options leave open and draw the schedule.

    Raises:
        LoadTestError: the server does not answer or lacks a task, or the trace is none.
    """
    cases = load_cases(options.world)
    sizing = Sizing(host, cases, options.seed)
    offer = sizing.offer()
    lines = read_trace(options.trace) if options.trace is not None else []
    tasks = {*mix.tasks, *(line.task for line in lines if line.task)}
    for task in tasks:
        if task not in offer.full:
            raise LoadTestError(f"{user}: the server does not serve {task}")
        if not cases[task]:
            raise OptionError(f"--world {options.world}: has nothing to ask for {task}")
    given_s = None if options.solo_ms is None else options.solo_ms / 1e3
    solo_s = {t: given_s or sizing.solo_s(t, offer.full[t]) for t in ASKED if t in tasks}
    capacity_hz = options.capacity_hz if options.needs_capacity else None
    if options.needs_capacity and capacity_hz is None:
        capacity_hz = sizing.capacity_hz(mix, offer.full, options.sizing_seconds)
    drawn = None
    if options.shape == REPLAY:
        drawn = replay(lines, mix, options.seed)
    elif options.shape:
        stretches = options.stretches(capacity_hz or 0.0)
        drawn = schedule(arrivals(stretches, options.cv2, options.seed), mix, options.seed)
    return RunBasis(options, user, mix, cases, offer, solo_s, capacity_hz, drawn)


@dataclass
class LoadRun:
    """One run: counts, marks, the requests that are open, and the clock of its first send."""

    basis: RunBasis
    host: str
    sent: int = 0
    over: bool = False
    marks: list[RequestMark] = field(default_factory=list)
    score: dict[str, RightAnswers] = field(
        default_factory=lambda: {task: RightAnswers() for task in ASKED}
    )
    open: Group = field(default_factory=Group)
    begun: tuple[float, float] | None = None
    ended: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        self.random = random.Random(self.basis.options.seed)
        self._before = requests_by_outcome(self._metrics())

    def take(self) -> None:
        """Count one request, or stop the user when the run has sent enough."""
        if self.sent == self.basis.options.requests:
            raise StopUser
        self.sent += 1

    def finish(self, mark: RequestMark, environment: Any) -> None:
        """Keep what became of one request; the last one of a counted run ends it."""
        self.marks.append(mark)
        self.ended = _clocks()
        if len(self.marks) == self.basis.options.requests:
            threading.Thread(target=environment.runner.quit).start()  # a greenlet: locust patches

    def begin(self) -> float:
        """Return the moment the first send was due, on the clock of `time.perf_counter`."""
        if self.begun is None:
            self.begun = _clocks()
        return self.begun[0]

    @property
    def seconds(self) -> float:
        """From the first send to the last reply."""
        return self.ended[0] - self.begun[0] if self.begun else 0.0

    @property
    def client_cpu(self) -> float:
        """The share of one core that this process took from the first send to the last reply."""
        return (self.ended[1] - self.begun[1]) / self.seconds if self.begun else 0.0

    def counted(self) -> dict[str, float]:
        """Return what the server counted meanwhile, per outcome."""
        after = requests_by_outcome(self._metrics())
        return {name: value - self._before.get(name, 0.0) for name, value in after.items()}

    def _metrics(self) -> str:
        response = httpx.get(f"{self.host.rstrip('/')}/metrics", timeout=10)
        response.raise_for_status()
        return response.text


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()
