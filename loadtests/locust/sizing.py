"""What is measured before a run: the full variant's solo time and its capacity, over HTTP."""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import gevent
from locust.contrib.fasthttp import FastHttpSession
from locust.event import EventHook

from loadtests.kit.asking.answers import RightAnswers
from loadtests.kit.asking.cases import Cases
from loadtests.kit.asking.forms import CONTENT_TYPE
from loadtests.locust.asking import request_for
from loadtests.locust.errors import LoadTestError
from loadtests.locust.schedules import Mix

CONNECTIONS = (4, 8, 16)
_SOLO_SENDS, _SOLO_WARM = 21, 3
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ServedArtifact:
    """What the server says it serves: its artifact and, per task, its deepest variant."""

    model: str
    artifact_sha256: str
    full: dict[str, str]


class Sizing:
    """Asks a server that has no other client; nothing of it is in locust's statistics."""

    def __init__(self, host: str, cases: Cases, seed: int) -> None:
        self._session = FastHttpSession(
            host.rstrip("/"),
            EventHook(),
            user=None,
            concurrency=max(CONNECTIONS),
            connection_timeout=10.0,
            network_timeout=_TIMEOUT_S,
        )
        self._cases = cases
        self._random = random.Random(seed)

    def offer(self) -> ServedArtifact:
        """Return what the server serves.

        Raises:
            LoadTestError: it does not answer.
        """
        response = self._session.get("/v1/variants")
        if response.status_code != 200:
            reason = response.text or repr(response.error)
            raise LoadTestError(f"{self._session.base_url} does not answer: {reason}")
        found = json.loads(response.text)
        full: dict[str, str] = {}
        for each in sorted(found["variants"], key=lambda each: int(each["executed_blocks"])):
            if each["resident"]:
                full[each["task"]] = each["variant"]
        return ServedArtifact(found["model"], found["artifact_sha256"], full)

    def solo_s(self, task: str, variant: str) -> float:
        """Return a variant's median latency, one request at a time.

        Raises:
            LoadTestError: a request failed.
        """
        taken_s = []
        for _ in range(_SOLO_WARM + _SOLO_SENDS):
            begun_s = time.perf_counter()
            self._ask(task, variant)
            taken_s.append(time.perf_counter() - begun_s)
        return statistics.median(taken_s[_SOLO_WARM:])

    def capacity_hz(self, mix: Mix, full: dict[str, str], seconds: float) -> float:
        """Return answers per second of the full variants, without deadlines.

        Connections, as many as each of `CONNECTIONS`, ask without a pause for `seconds`; the best
        counts.

        Raises:
            LoadTestError: a request failed.
        """

        def one() -> None:
            task = mix.task(self._random)
            self._ask(task, full[task])

        return max(_closed_loop(one, count, seconds) for count in CONNECTIONS)

    def _ask(self, task: str, variant: str) -> None:
        request = request_for(task, self._cases, {"variant": variant}, RightAnswers(), self._random)
        headers = {"Content-Type": CONTENT_TYPE}
        response = self._session.post(request.path, data=request.body, headers=headers)
        if response.status_code != 200:
            reason = response.text or repr(response.error)
            raise LoadTestError(f"{request.path} {variant} failed before the run: {reason}")


def _closed_loop(one: Callable[[], None], connections: int, seconds: float) -> float:
    """Return requests per second until the last one is answered; none begins after `seconds`."""
    begun_s = time.perf_counter()
    done = [0]

    def repeat() -> None:
        while time.perf_counter() - begun_s < seconds:
            one()
            done[0] += 1

    workers: Sequence[gevent.Greenlet] = [gevent.spawn(repeat) for _ in range(connections)]
    gevent.joinall(workers, raise_error=True)
    return done[0] / (time.perf_counter() - begun_s)
