"""Locust users: questions, captions, and a mix with a budget per class.

Beyond locust's own figures, the run ends with the share of right answers per variant (if a world
was given) and compares the server's `otmv_requests_total` with what was sent; a difference is a
failure. One locust process only.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import httpx
from locust import FastHttpUser, between, constant_throughput, events
from locust.exception import StopUser

from loadtests.cases import CONTENT_TYPE, Cases, encode_form, load_cases
from loadtests.checks import (
    Score,
    WrongAnswer,
    check_caption,
    check_vqa,
    requests_by_outcome,
)

HEADERS = {"Content-Type": CONTENT_TYPE}
BUDGETS: dict[str, dict[str, str]] = {
    "patient": {},
    "interactive": {"max_latency_ms": "100"},
    "hurried": {"max_latency_ms": "20"},
    "strict": {"max_latency_ms": "50", "on_miss": "reject"},
}
_LAST_RESPONSES_S = 30.0
WEIGHTS = {"patient": 4, "interactive": 3, "hurried": 2, "strict": 1}


class Run:
    """What one run shares between its users."""

    def __init__(self, cases: Cases, limit: int | None, seed: int) -> None:
        self.cases = cases
        self.limit = limit
        self.sent = 0
        self.done = 0
        self.random = random.Random(seed)
        self.score = {"vqa": Score(), "caption": Score()}
        self.before: dict[str, float] = {}

    def take(self) -> None:
        """Count one request, or stop the user when the run has sent enough."""
        if self.sent == self.limit:
            raise StopUser
        self.sent += 1

    def finish(self, environment: Any) -> None:
        """Count one response; the last one ends the run."""
        self.done += 1
        if self.done == self.limit:
            threading.Thread(target=environment.runner.quit).start()  # a greenlet: locust patches


def add_options(parser: Any) -> None:
    """Add this file's options to locust's own."""
    group = parser.add_argument_group("otmv")
    group.add_argument("--world", env_var="OTMV_WORLD", default="", help="folder of `otmv world`")
    group.add_argument("--requests", type=int, default=0, help="send exactly this many, then stop")
    group.add_argument("--rate", type=float, default=0.0, help="requests per second, all users")
    group.add_argument("--seed", type=int, default=0, help="which cases are drawn")


def start(environment: Any, **_: Any) -> None:
    """Load the cases and note the server's counters."""
    options = environment.parsed_options
    world = Path(options.world) if options.world else None
    run = Run(load_cases(world), options.requests or None, options.seed)
    run.before = requests_by_outcome(_metrics(environment.host))
    environment.otmv = run
    environment.stop_timeout = max(environment.stop_timeout or 0, _LAST_RESPONSES_S)
    if options.rate:
        pace = constant_throughput(options.rate / max(1, options.num_users or 1))
        for user_class in environment.user_classes:
            user_class.wait_time = pace


def report(environment: Any, **_: Any) -> None:
    """Print right answers per variant, and compare counts with the server's."""
    run: Run | None = getattr(environment, "otmv", None)
    if run is None:
        return
    for name, score in run.score.items():
        if score.asked:
            print(f"\nright {name} answers by variant")
            print("\n".join(score.lines()))
    after = requests_by_outcome(_metrics(environment.host))
    counted = {name: value - run.before.get(name, 0.0) for name, value in after.items()}
    total = sum(counted.values())
    shown = ", ".join(f"{name} {value:.0f}" for name, value in sorted(counted.items()) if value)
    print(f"\nsent {run.sent}, counted by the server {total:.0f} ({shown})")
    if total != run.sent:
        print("the server's count differs from what was sent")
        environment.process_exit_code = 1


def _metrics(host: str) -> str:
    response = httpx.get(f"{host.rstrip('/')}/metrics", timeout=10)
    response.raise_for_status()
    return response.text


class _User(FastHttpUser):  # type: ignore[misc]
    abstract = True
    wait_time = between(0.05, 0.15)
    connection_timeout = 10.0
    network_timeout = 60.0

    def ask(self, budget: str) -> None:
        """Ask one question under a budget of that class."""
        shared: Run = self.environment.otmv
        shared.take()
        case = shared.random.choice(shared.cases.vqa)
        body = encode_form(case.image, {"question": case.question, **BUDGETS[budget]})
        score = shared.score["vqa"]
        self._exchange("/v1/vqa", body, budget, lambda found: check_vqa(found, case, score))

    def describe(self, budget: str) -> None:
        """Ask for one caption under a budget of that class."""
        shared: Run = self.environment.otmv
        shared.take()
        case = shared.random.choice(shared.cases.caption)
        body = encode_form(case.image, BUDGETS[budget])
        score = shared.score["caption"]
        self._exchange("/v1/caption", body, budget, lambda found: check_caption(found, case, score))

    def budget(self) -> str:
        """Return a budget class, drawn by weight."""
        shared: Run = self.environment.otmv
        return shared.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    def _exchange(
        self, path: str, body: bytes, budget: str, check: Callable[[dict[str, Any]], None]
    ) -> None:
        name = f"{path} {budget}"
        with self.client.post(
            path, data=body, headers=HEADERS, name=name, catch_response=True
        ) as response:
            refusal = _refusal(response, budget, check)
            response.failure(refusal) if refusal else response.success()
        self.environment.otmv.finish(self.environment)


def _refusal(response: Any, budget: str, check: Callable[[dict[str, Any]], None]) -> str | None:
    """Return what is wrong with a response; a 504 under `reject` is an answer too."""
    if response.status_code == 504 and BUDGETS[budget].get("on_miss") == "reject":
        return None
    if response.status_code != 200:
        return f"{response.status_code}: {(response.text or '')[:200]}"
    try:
        check(response.json())
    except (WrongAnswer, KeyError, ValueError) as error:
        return f"not a whole answer: {error!r}"
    return None


def ask_patiently(user: _User) -> None:
    """Ask one question without a budget."""
    user.ask("patient")


def describe_patiently(user: _User) -> None:
    """Ask for one caption without a budget."""
    user.describe("patient")


def ask_in_a_class(user: _User) -> None:
    """Ask one question with the budget of a random class."""
    user.ask(user.budget())


def describe_in_a_class(user: _User) -> None:
    """Ask for one caption with the budget of a random class."""
    user.describe(user.budget())


class VqaUser(_User):
    """Asks questions without a budget."""

    tasks: ClassVar = [ask_patiently]


class CaptionUser(_User):
    """Asks for captions without a budget."""

    tasks: ClassVar = [describe_patiently]


class MixedUser(_User):
    """Three questions for every caption, each with the budget of a random class."""

    tasks: ClassVar = {ask_in_a_class: 3, describe_in_a_class: 1}


events.init_command_line_parser.add_listener(add_options)
events.test_start.add_listener(start)
events.quitting.add_listener(report)
