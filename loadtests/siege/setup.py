"""What a siege is given: a server to start, questions to ask it, and its capacity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifact.store import open_artifact
from loadtests.kit.asking.cases import load_cases
from loadtests.kit.asking.tasks import WORKLOAD
from loadtests.kit.processes.serving import ServerProcess, serving
from loadtests.kit.progress import Report
from loadtests.rivals.options import PATH
from loadtests.siege.attackers.attack import Attacked, AttackJob
from loadtests.siege.generator import LoadJob
from loadtests.siege.processes import Beside, beside, run_beside
from loadtests.siege.tally import LoadFound

GRACE_S = 10.0
"""The server's own default, which sieges do not change."""
_CAPACITY_CONNECTIONS = (4, 8, 16)
_CAPACITY_S = 4.0
_WARM_S = 3.0


@dataclass(frozen=True)
class SiegeSetup:
    """The artifact, and how long and how hard it is besieged.

    Attributes:
        artifact: the folder that is served.
        cache: where latency profiles are kept.
        seconds: how long each attack or load lasts.
        soak_minutes: how long the last part of `soak` lasts.
        deadline_ms: latency budget of the polite clients' questions.
        answers: how many answers `late` judges at least.
        seed: draws arrivals.
    """

    artifact: Path
    cache: Path
    seconds: float = 60.0
    soak_minutes: float = 30.0
    deadline_ms: float = 200.0
    answers: int = 10_000
    seed: int = 0

    def server(self, **settings: str) -> AbstractContextManager[ServerProcess]:
        """Serve the artifact until the block ends; settings are those of `OTMV_`, without it."""
        return self.server_under((), **settings)

    @contextmanager
    def server_under(self, wrapper: tuple[str, ...], **settings: str) -> Iterator[ServerProcess]:
        """Serve it by another command's words.

        Raises:
            BenchError: it did not become ready.
        """
        named = {f"OTMV_{name.upper()}": value for name, value in settings.items()}
        with serving(self.artifact, "onnxruntime", self.cache, named, wrapper) as server:
            yield server

    def load(self, server: ServerProcess, rate_hz: float, seconds: float) -> LoadJob:
        """Return an open loop of questions with the polite clients' deadline."""
        budget = {"max_latency_ms": self.deadline_ms, "on_miss": "degrade"}
        return self._job(server, budget, rate_hz, seconds)

    def _job(
        self, server: ServerProcess, budget: dict[str, Any], rate_hz: float, seconds: float
    ) -> LoadJob:
        deadline_s = self.deadline_ms / 1e3
        return LoadJob(
            server.host,
            server.port,
            PATH,
            _bodies(budget),
            rate_hz,
            seconds,
            deadline_s,
            GRACE_S,
            give_up_s=deadline_s + 2 * GRACE_S,
            seed=self.seed,
        )

    def capacity_hz(self, server: ServerProcess, report: Report) -> float:
        """Measure the capacity over HTTP: the full variant at the best of 4, 8 and 16 connections.

        Raises:
            BenchError: the generator failed.
        """
        report("capacity over HTTP", 0.0)
        send(self.load(server, 50.0, _WARM_S))
        variants = open_artifact(self.artifact, verify=False).manifest.variants
        full = max(variants, key=lambda variant: len(variant.pattern)).id
        rates = []
        for connections in _CAPACITY_CONNECTIONS:
            job = self._job(server, {"variant": full}, 0.0, _CAPACITY_S)
            rates.append(send(LoadJob(**{**vars(job), "connections": connections})).answered_hz)
        return max(rates)


def send(job: LoadJob) -> LoadFound:
    """Send a load from a process of its own.

    Raises:
        BenchError: it failed.
    """
    return LoadFound.from_json(
        run_beside("loadtests.siege.generator", job.to_json(), "the generator")
    )


@contextmanager
def attacking(job: AttackJob) -> Iterator[Beside]:
    """Attack from a process of its own until the block ends; the block begins as it begins."""
    with beside("loadtests.siege.attackers.attack", job.to_json(), "the attacker") as attacker:
        attacker.wait_until_ready()
        yield attacker


def attacked(attacker: Beside) -> Attacked:
    """Wait for an attacker's end, and return what became of its attacks.

    Raises:
        BenchError: it failed.
    """
    return Attacked.from_json(attacker.result())


def _bodies(budget: dict[str, Any]) -> list[str]:
    cases = load_cases(None)[WORKLOAD.name]
    return [json.dumps({**case.json(), "budget": budget}) for case in cases]
