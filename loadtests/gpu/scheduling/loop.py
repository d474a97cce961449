"""The engine's own scheduler drives the device: does the device wait for it between steps?"""

from __future__ import annotations

import itertools
import random
import time
from bisect import insort
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from artifact.stage import StageName, stage_name
from engine.elastic.decide import decide
from engine.elastic.rate import ArrivalRate
from engine.elastic.snapshot import Decision, RowView, Run, Snapshot, urgency
from loadtests.gpu.device.device import DeviceMoment
from loadtests.gpu.models.stages import BatchState, Stages
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import Rig
from loadtests.simulate.world import SimulatedDevice

LEAD = 2
"""Steps that the host may be ahead of the device: the next decision is made while it works."""

_STEPS = 400
_UPLOADS = 1024
_BUDGETS = (1.5, 4.0)
"""A row's latency budget, in times of a full batch's whole course."""


@dataclass
class _Driven:
    """What the loop did: the device's time from begin to end of each decision's steps, and sums."""

    marks: list[tuple[DeviceMoment, DeviceMoment]] = field(default_factory=list)
    busy_s: float = 0.0
    host_s: float = 0.0
    steps: int = 0
    row_steps: int = 0

    def record(self) -> dict[str, Any]:
        """Return what the results file holds."""
        span_s = self.marks[-1][1].since_s(self.marks[0][0])
        pairs = itertools.pairwise(self.marks)
        between_s = sum(after[0].since_s(before[1]) for before, after in pairs)
        return {
            "idle_share": round(1 - self.busy_s / span_s, 4),
            "between_share": round(between_s / span_s, 4),
            "host_us_per_decision": round(self.host_s / max(len(self.marks), 1) * 1e6, 2),
            "decisions": len(self.marks),
            "steps": self.steps,
            "rows_per_step": round(self.row_steps / max(self.steps, 1), 3),
        }


class Loop:
    """A closed loop: twice as many rows as a batch holds; an answered one is replaced at once.

    Args:
        rig: the device.
        stages: of a model with one key.
        world: its costs, for the scheduler.
        times_s: median seconds by `kind.batch`, measured back to back.
    """

    def __init__(
        self, rig: Rig, stages: Stages, world: SimulatedDevice, times_s: Mapping[str, float]
    ) -> None:
        self._rig, self._stages, self._world, self._times_s = rig, stages, world, times_s
        self._route = world.route()
        self._random = random.Random(rig.seed)
        self._rate = ArrivalRate()
        self._rows: list[RowView] = []
        self._live = 2 * world.max_batch
        self._places = list(range(self._live))
        self._place_of: dict[int, int] = {}
        self._number = 0
        self._riding: tuple[int, ...] = ()
        self._bucket = 0
        slots = stages.slots(max(world.max_batch, 1))
        self._kept = BatchState(
            slots.h.new_zeros(self._live, *slots.h.shape[1:]),
            slots.y.new_zeros(self._live, *slots.y.shape[1:]),
            torch.zeros(self._live, dtype=torch.int64, device=slots.h.device),
        )
        uploads = torch.zeros(_UPLOADS, self._live, dtype=torch.int64)
        self._uploads = uploads.pin_memory() if rig.device.is_cuda else uploads
        self._uploaded = 0

    def run(self, deadline: TimeLimit) -> dict[str, Any]:
        """Drive the device and return the share of time it stood idle or moved rows.

        `idle_share`: 1 − (seconds its stages take back to back) / (seconds it took).
        `between_share`: the part of the time from one step's end to the host's next word.
        """
        driven = _Driven()
        ahead: deque[DeviceMoment] = deque()
        for _ in range(_STEPS):
            if deadline.over() and len(driven.marks) > LEAD:
                break
            begun_s = time.perf_counter()
            decision = self._decided()
            driven.host_s += time.perf_counter() - begun_s
            run = decision.run
            if run is None:
                continue
            stage, bucket = stage_name(run.stage), self._fitting(len(run.rows))
            begun = self._rig.device.mark()
            for ahead_steps in range(run.steps):
                self._step(run, stage, bucket, ahead_steps)
                driven.busy_s += self._times_s[f"{stage.kind}.{bucket}"]
            driven.marks.append((begun, self._rig.device.mark()))
            driven.steps += run.steps
            driven.row_steps += run.steps * len(run.rows)
            ahead.append(driven.marks[-1][1])
            self._leave(run)
            if len(ahead) > LEAD:
                ahead.popleft().wait()
        self._rig.device.wait()
        return driven.record()

    def _decided(self) -> Decision:
        """Take in new rows, decide, and settle rows, until something runs."""
        while True:
            now = time.perf_counter()
            while len(self._rows) < self._live:
                self._arrive(now)
            snapshot = Snapshot(self._rows, self._world.max_batch, self._rate.hz(now))
            decision = decide(snapshot, now)
            gone = {row.id for row in decision.expire}
            for row in decision.final:
                row.final = True
                if row.route.head_call is None:
                    gone.add(row.id)
            self._drop(gone)
            if decision.run is not None:
                return decision

    def _arrive(self, now: float) -> None:
        whole_s = self._world.service_s(self._world.depths[-1], self._world.max_batch)
        due_s = now + whole_s * self._random.uniform(*_BUDGETS)
        self._number += 1
        self._place_of[self._number] = self._places.pop()
        self._rate.add(now)
        insort(self._rows, RowView(self._number, self._route, due_s, due_s), key=urgency)

    def _leave(self, run: Run) -> None:
        """Move the rows on; those that ran their head have their answer."""
        answered = {row.id for row in run.rows if row.final}
        for row in run.rows:
            row.position += 0 if row.final else run.steps
        self._drop(answered)

    def _drop(self, gone: set[int]) -> None:
        self._places += [self._place_of.pop(number) for number in gone]
        if gone:
            self._rows = [row for row in self._rows if row.id not in gone]

    def _fitting(self, rows: int) -> int:
        """Return the smallest captured batch that holds these rows."""
        return next(batch for batch in self._rig.size.batches if batch >= rows)

    def _step(self, run: Run, stage: StageName, bucket: int, done: int) -> None:
        """Bring the rows together if they are not, upload their orders, launch."""
        places = tuple(self._place_of[row.id] for row in run.rows)
        self._gather(places, bucket, moved=not stage.is_stem)
        if stage.is_block:
            orders = [row.position - 1 + done for row in run.rows]
            slots = self._stages.slots(bucket)
            slots.order[: len(orders)].copy_(self._upload(orders), non_blocking=True)
        getattr(self._stages, stage.kind)(bucket)()

    def _gather(self, places: Sequence[int], bucket: int, moved: bool) -> None:
        """Put the riding rows back into their places and take these out of theirs."""
        wanted = tuple(places)
        if (wanted, bucket) == (self._riding, self._bucket) and moved:
            return
        if self._riding:
            at, slots = self._on_device(self._riding), self._stages.slots(self._bucket)
            self._kept.h.index_copy_(0, at, slots.h[: len(at)])
            self._kept.y.index_copy_(0, at, slots.y[: len(at)])
        if moved:
            at, slots = self._on_device(wanted), self._stages.slots(bucket)
            torch.index_select(self._kept.h, 0, at, out=slots.h[: len(at)])
            torch.index_select(self._kept.y, 0, at, out=slots.y[: len(at)])
        self._riding, self._bucket = wanted, bucket

    def _on_device(self, numbers: Sequence[int]) -> Tensor:
        return self._upload(numbers).to(self._kept.h.device, non_blocking=True)

    def _upload(self, numbers: Sequence[int]) -> Tensor:
        """Return the numbers in pinned memory that nothing reads any more."""
        place = self._uploads[self._uploaded % _UPLOADS]
        self._uploaded += 1
        place[: len(numbers)] = torch.tensor(numbers, dtype=torch.int64)
        return place[: len(numbers)]
