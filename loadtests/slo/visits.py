"""One server under load: warmed up, then cell after cell, each from its own client process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from loadtests.kit.errors import BenchError
from loadtests.kit.processes.child import run_child
from loadtests.kit.processes.tree import tree_cpu_s
from loadtests.rivals.options import PATH
from loadtests.slo.capacity import Rates, best
from loadtests.slo.client import Send, SendJob, Sent
from loadtests.slo.scoring import CellScore, judge, score
from loadtests.slo.servers import Running, ask
from loadtests.slo.workload import FACTORS, Cell, bodies, class_budgets, draw

OURS = "ours"

_WARM = Cell(1.0, 1.0)
_WARM_S = 5.0
_WARM_SEED = 1_000_003
_SOLO_SENDS, _SOLO_APART_S = 21, 0.1
_GIVE_UP = 4
"""Times the longest deadline that the client waits: what is late is late, but is seen."""


@dataclass(frozen=True)
class Yardstick:
    """What loads, deadlines and scores of a run are measured against; itself measured in the run.

    `quality` is per variant, shallow to deep; `rates` what each one's graph reaches, per batch;
    `solo_s` the full variant's median latency over HTTP on our idle server.
    """

    artifact: Path
    quality: Mapping[str, float]
    rates: Rates
    solo_s: float

    @property
    def full(self) -> str:
        """The deepest variant."""
        return list(self.quality)[-1]

    @property
    def capacity_hz(self) -> float:
        """What the full variant's graph reaches at its best batch."""
        return best(self.rates[self.full])

    @property
    def smallest_over_full(self) -> float:
        """The smallest variant's capacity over the full one's."""
        return best(self.rates[next(iter(self.quality))]) / self.capacity_hz


@dataclass(frozen=True)
class CellResult:
    """One cell of one side; `variant` is "" for ours, `turn` counts a side's visits from 0."""

    side: str
    variant: str
    turn: int
    cell: Cell
    score: CellScore


@dataclass(frozen=True)
class Offering:
    """Offered alike to every side: cells, their length, the seed of arrivals and pictures."""

    cells: tuple[Cell, ...]
    seconds: float
    seed: int

    def visit(self, server: Running, yardstick: Yardstick) -> Iterator[tuple[Cell, CellScore]]:
        """Warm a server up, then yield the score of each cell.

        Raises:
            BenchError: the client failed, or the server stopped answering.
        """
        texts = bodies(class_budgets(yardstick.solo_s), self.seed)
        warm = draw(_WARM, yardstick.capacity_hz, _WARM_S, _WARM_SEED + self.seed)
        _send(_job(server, texts, yardstick.solo_s, (each.send for each in warm)))
        for cell in self.cells:
            _settle(server, bodies([{}], self.seed)[0])
            planned = draw(cell, yardstick.capacity_hz, self.seconds, self.seed)
            before_s = tree_cpu_s(server.pid)
            sent = _send(_job(server, texts, yardstick.solo_s, (each.send for each in planned)))
            cpu_s = tree_cpu_s(server.pid) - before_s
            marks = judge(planned, sent.replies, yardstick.solo_s)
            yield cell, score(marks, yardstick.quality, self.seconds, sent, cpu_s)


def solo_s(server: Running, full: str, capacity_hz: float, seed: int) -> float:
    """Return the full variant's median latency, one request at a time on an idle server.

    Raises:
        BenchError: it did not answer all of them.
    """
    texts = bodies([{"variant": full}], seed)
    apart_s = max(3 / capacity_hz, _SOLO_APART_S)
    sends = [Send(index * apart_s, index % len(texts)) for index in range(_SOLO_SENDS)]
    replies = _send(_job(server, texts, 10.0, sends)).replies
    if any(reply.status != 200 for reply in replies):
        raise BenchError(f"the server answered {next(r for r in replies if r.status != 200).body}")
    pairs = zip(replies, sends, strict=True)
    return statistics.median(reply.ended_s - send.at_s for reply, send in pairs)


def _job(server: Running, texts: list[str], solo_s: float, sends: Iterable[Send]) -> SendJob:
    give_up_s = _GIVE_UP * max(FACTORS) * solo_s
    return SendJob(server.host, server.port, PATH, texts, list(sends), give_up_s)


def _send(job: SendJob) -> Sent:
    said = run_child("loadtests.slo.client", [], "the client", given=job.to_json())
    return Sent.from_json(said)


def _settle(server: Running, body: str) -> None:
    """Wait until what is left of the last cell is out of the way: one request is answered.

    Its body has no deadline, so a slow machine has no reason to refuse it.
    """
    for _ in range(20):
        if ask(server.host, server.port, body) == 200:
            return
        time.sleep(0.1)
    raise BenchError("the server no longer answers")
