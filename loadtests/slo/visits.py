"""One server under load: warmed up, then cell after cell, each from its own client process."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadtests.kit.errors import BenchError
from loadtests.kit.processes.child import run_child
from loadtests.kit.processes.tree import tree_cpu_s
from loadtests.rivals.options import PATH
from loadtests.slo.client import Send, SendJob, Sent
from loadtests.slo.judging.calibration import Tenth
from loadtests.slo.judging.scoring import CellScore, judge, score
from loadtests.slo.servers import Running, ask
from loadtests.slo.workload import FACTORS, Cell, CellLength, bodies, class_budgets, draw, plan_cell

OURS = "ours"

WARM_S = 5.0
"""How long a server that has just started is warmed up."""
_WARM = Cell(1.0, 1.0)
_WARM_SEED = 1_000_003
_GIVE_UP = 4
"""Times the longest deadline that the client waits: what is late is late, but is seen."""


@dataclass(frozen=True)
class CellResult:
    """One cell of one side; `variant` is "" for ours, `turn` counts a side's visits from 0.

    `score` is None where a variant was left out because another one of its rival scored more than
    its quality alone. `tenths` has our server's chances of being on time.
    """

    side: str
    variant: str
    turn: int
    cell: Cell
    score: CellScore | None
    tenths: tuple[Tenth, ...] = ()


@dataclass(frozen=True)
class Offering:
    """Offered alike to every side: how much, what deadlines, how long, from which seed."""

    capacity_hz: float
    solo_s: float
    length: CellLength
    seed: int

    def warm(self, server: Running) -> None:
        """Send a started server requests that do not count.

        Raises:
            BenchError: the client failed.
        """
        drawn = draw(_WARM, self.capacity_hz, WARM_S, _WARM_SEED + self.seed)
        self._send(server, (each.send for each in drawn))

    def cell(self, server: Running, cell: Cell, quality: Mapping[str, float]) -> CellScore:
        """Measure one cell.

        Raises:
            BenchError: the client failed, or the server stopped answering.
        """
        _settle(server, bodies([{}], self.seed)[0])
        planned = plan_cell(cell, self.capacity_hz, self.length, self.seed)
        before_s = tree_cpu_s(server.pid)
        sent = self._send(server, (each.send for each in planned.requests))
        cpu_s = tree_cpu_s(server.pid) - before_s
        judged = judge(planned.requests, sent.replies, self.solo_s)
        return score(planned, judged, quality, sent, cpu_s)

    def _send(self, server: Running, sends: Iterable[Send]) -> Sent:
        texts = bodies(class_budgets(self.solo_s), self.seed)
        return send_job(server, texts, _GIVE_UP * max(FACTORS) * self.solo_s, sends)


def send_job(
    server: Running, texts: Sequence[str], give_up_s: float, sends: Iterable[Send]
) -> Sent:
    """Send questions from a client process.

    Raises:
        BenchError: the client failed.
    """
    job = SendJob(server.host, server.port, PATH, list(texts), list(sends), give_up_s)
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
