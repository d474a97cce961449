"""Writing captions: rounds of one word for every caption that is ready for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from artifact.program import Step
from engine.clock import Clock
from engine.elastic.course import Line
from engine.errors import BackendError
from engine.loop.stepper import typed
from engine.requests.answers import Job
from engine.requests.prediction import Predictor
from engine.rows.caption.rounds import Decoder, Round
from engine.rows.caption.row import CaptionRow
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)


@dataclass
class Open:
    """A round under way: whose it is, what it should take and what it has taken."""

    round: Round
    jobs: dict[CaptionRow, Job]
    expected_s: float
    took_s: float = 0.0

    @property
    def alive(self) -> list[tuple[CaptionRow, Job]]:
        """Those who have not left."""
        return [(row, job) for row, job in self.jobs.items() if row.slots]

    def note_spent(self, seconds: float) -> None:
        """Tell the scheduler what the rows' word has had so far."""
        for job in self.jobs.values():
            job.view.spent_s = seconds


class Speaker:
    """Runs rounds; one may be put aside between two of its calls.

    It is finished before another begins, unless nobody in it is wanted then: its rows begin that
    word anew when their turn comes. Belongs to the executor's thread.
    """

    def __init__(
        self, decoder: Decoder, predictor: Predictor, clock: Clock, telemetry: Telemetry
    ) -> None:
        self._decoder = decoder
        self._predictor = predictor
        self._clock = clock
        self._telemetry = telemetry
        self._open: Open | None = None

    def run(
        self, jobs: Sequence[Job], interrupted: Callable[[], bool]
    ) -> tuple[list[Job], dict[int, BackendError]]:
        """Go on with the round put aside if it is about one of these jobs, else begin theirs.

        Returns:
            Whose round ended, none if it was interrupted; and what ended which job (by id).
        """
        open_ = self._open
        if open_ is None or not any(job in jobs for _, job in open_.alive):
            if open_ is not None:
                open_.note_spent(0.0)
            open_ = self._begin(jobs)
        self._open = open_
        while not open_.round.finished:
            self._call(open_)
            if not open_.round.finished and interrupted():
                open_.note_spent(open_.took_s)
                return [], {}
        self._open = None
        open_.note_spent(0.0)
        return self._close(open_)

    def _begin(self, jobs: Sequence[Job]) -> Open:
        rows = {job.row: job for job in jobs if isinstance(job.row, CaptionRow)}
        return Open(self._decoder.begin(list(rows)), rows, _expected_s(rows))

    def _call(self, open_: Open) -> None:
        stage = open_.round.calls[open_.round.done].stage
        start_s = self._clock.now_s()
        riders = self._decoder.step(open_.round)
        took_s = self._clock.now_s() - start_s
        open_.took_s += took_s
        texts = sum(len(row.slots) for row in riders)
        if texts:
            self._telemetry.step(texts)
        for row in riders:
            count = len(row.slots)
            open_.jobs[row].spend(stage, took_s, count / texts, count)

    def _close(self, open_: Open) -> tuple[list[Job], dict[int, BackendError]]:
        failed: dict[int, BackendError] = {}
        if open_.expected_s > 0:
            self._predictor.spread.add(open_.took_s / open_.expected_s)
        ended, now = open_.alive, self._clock.now_s()
        for row, job in ended:
            if row in open_.round.failed:
                failed[job.id] = typed(open_.round.failed[row], "decode")
                _LOG.error("request %d failed: %s", job.id, failed[job.id])
                continue
            job.ran(open_.took_s, open_.expected_s)
            job.worded_s = job.worded_s or now
            if job.listener is not None and not row.done:
                job.listener.hear(row.words)
        return [job for _, job in ended], failed


def _expected_s(jobs: Mapping[CaptionRow, Job]) -> float:
    """Return the mean seconds of a round: each whole variant in it has a call of its own."""
    together: dict[Step, list[tuple[Line, int]]] = {}
    for row, job in jobs.items():
        line = job.view.route.lines[job.view.position]
        together.setdefault(row.word[0], []).append((line, len(row.slots)))
    total_s = 0.0
    for lines in together.values():
        texts = sum(count for _, count in lines)
        total_s += max(fixed_s + row_s * texts for (fixed_s, row_s), _ in lines)
    return total_s
