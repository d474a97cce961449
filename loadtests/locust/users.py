"""Users: each asks and waits, or, under a shape, sends a schedule without waiting."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, between
from locust.exception import StopUser

from artifact.task import CAPTION, REASON, VQA
from loadtests.kit.asking.forms import CONTENT_TYPE
from loadtests.locust.asking import judge, request_for
from loadtests.locust.budgets import CLASSES
from loadtests.locust.marks import RequestMark
from loadtests.locust.options import CLOSED
from loadtests.locust.run import LoadRun
from loadtests.locust.schedules import Arrival

_HEADERS = {"Content-Type": CONTENT_TYPE}


class OpenLoopUser(FastHttpUser):  # type: ignore[misc]
    """Sends each request of a schedule at its own absolute time, whatever became of earlier ones.

    Latency, in locust's statistics too, counts from the intended send. Without a schedule it asks
    one request after the other.
    """

    abstract = True
    concurrency = 4096
    """Connections, made when needed: a limit that sends would wait for is no open loop."""

    wait_time = between(0.05, 0.15)
    connection_timeout = 10.0
    network_timeout = 60.0
    mix: ClassVar[dict[str, float]]
    classes: ClassVar[dict[str, float]] = {"patient": 1}

    @property
    def shared(self) -> LoadRun:
        """What the run's users share."""
        found: LoadRun = self.environment.otmv
        return found

    def follow(self, schedule: list[Arrival]) -> None:
        """Send a schedule, and return when every request of it is answered or given up."""
        begun_s = self.shared.begin()
        for arrival in schedule:
            due_s = begun_s + arrival.at_s
            gevent.sleep(max(0.0, due_s - time.perf_counter()))
            self.shared.take()
            self.shared.open.spawn(self.send, arrival, due_s)
        self.shared.open.join()

    def ask(self) -> None:
        """Ask one request of the mix and wait for its answer.

        The request has a greenlet of its own: a run that ends may kill the user meanwhile, since
        locust believes that it still waits between two requests; the request is answered all the
        same.
        """
        self.shared.take()
        mix, random = self.shared.basis.mix, self.shared.random
        begun_s, now_s = self.shared.begin(), time.perf_counter()
        task, budget = mix.task(random), mix.budget(random)
        arrival = Arrival(now_s - begun_s, task, budget, CLOSED)
        self.shared.open.spawn(self.send, arrival, now_s).get()

    def send(self, arrival: Arrival, due_s: float) -> None:
        """Send one request and keep what became of it; `due_s` is its intended send."""
        run, allowed = self.shared, CLASSES[arrival.budget]
        solo_s = run.basis.solo_s[arrival.task]
        fields, score = allowed.fields(solo_s), run.score[arrival.task]
        request = request_for(arrival.task, run.basis.cases, fields, score, run.random)
        late_s = time.perf_counter() - due_s
        with self.client.post(
            request.path,
            data=request.body,
            headers=_HEADERS,
            name=f"{request.path} {arrival.budget}",
            catch_response=True,
        ) as response:
            latency_s = time.perf_counter() - due_s
            response.request_meta["response_time"] = latency_s * 1e3
            outcome = judge(*_reply(response), allowed.on_miss == "reject", request)
            mark = RequestMark(arrival, late_s, latency_s, allowed.deadline_s(solo_s), outcome)
            response.failure(mark.outcome.miss) if mark.failed else response.success()
        run.finish(mark, self.environment)


def _reply(response: Any) -> tuple[int, str]:
    """Return status and text; without an answer 0 and why."""
    if response.status_code:
        return response.status_code, response.text or ""
    return 0, type(getattr(response, "error", None)).__name__


def work(user: OpenLoopUser) -> None:
    """Send the run's schedule and end it, or ask once."""
    schedule = user.shared.basis.schedule
    if schedule is None:
        user.ask()
        return
    user.follow(list(schedule))
    user.shared.over = True
    raise StopUser


class VqaUser(OpenLoopUser):
    """Asks questions."""

    tasks: ClassVar = [work]
    mix: ClassVar = {VQA.name: 1}


class CaptionUser(OpenLoopUser):
    """Asks for captions."""

    tasks: ClassVar = [work]
    mix: ClassVar = {CAPTION.name: 1}


class ReasonUser(OpenLoopUser):
    """Asks whether statements about two pictures hold."""

    tasks: ClassVar = [work]
    mix: ClassVar = {REASON.name: 1}


class MixedUser(OpenLoopUser):
    """Three questions for every caption and every statement, with budgets of every class."""

    tasks: ClassVar = [work]
    mix: ClassVar = {VQA.name: 3, CAPTION.name: 1, REASON.name: 1}
    classes: ClassVar = {"patient": 4, "relaxed": 1, "interactive": 3, "hurried": 2, "strict": 1}
