"""Writing captions: rounds of one word for every caption that is ready for it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from artifact.program import Step
from engine.clock import Clock
from engine.elastic.course import Line
from engine.errors import BackendError
from engine.loop.faults import backend_error
from engine.requests.prediction import Predictor
from engine.requests.request import Request
from engine.rows.caption.round import Round
from engine.rows.caption.rounds import RoundRunner
from engine.rows.caption.row import CaptionRow
from engine.telemetry import Telemetry

_LOG = logging.getLogger(__name__)


@dataclass
class RoundUnderWay:
    """A round that has begun: its requests, what it should take and what it has taken."""

    round: Round
    requests: dict[CaptionRow, Request]
    expected_s: float
    took_s: float = 0.0

    @property
    def alive(self) -> list[tuple[CaptionRow, Request]]:
        """The rows that have not left, with their requests."""
        return [(row, request) for row, request in self.requests.items() if row.slots]

    def note_spent(self, seconds: float) -> None:
        """Tell the scheduler what the rows' word has had so far."""
        for request in self.requests.values():
            request.view.spent_s = seconds


class CaptionRounds:
    """Runs rounds; one may be put aside between two of its calls.

    It is finished before another begins, unless none of its requests is chosen then: its rows begin
    that word anew when their turn comes. Belongs to the engine's thread.
    """

    def __init__(
        self, runner: RoundRunner, predictor: Predictor, clock: Clock, telemetry: Telemetry
    ) -> None:
        self.runner = runner
        self._predictor = predictor
        self._clock = clock
        self._telemetry = telemetry
        self._aside: RoundUnderWay | None = None

    def run(
        self, requests: Sequence[Request], interrupted: Callable[[], bool]
    ) -> tuple[list[Request], dict[int, BackendError]]:
        """Go on with the round put aside if it has one of these requests, else begin theirs.

        Returns:
            The requests whose round ended, none if it was interrupted; and what ended a request,
            by id.
        """
        current = self._aside
        if current is None or not any(each in requests for _, each in current.alive):
            if current is not None:
                current.note_spent(0.0)
            current = self._begin(requests)
        self._aside = current
        while not current.round.finished:
            self._call(current)
            if not current.round.finished and interrupted():
                current.note_spent(current.took_s)
                return [], {}
        current.note_spent(0.0)
        ended = self._close(current)
        self._aside = None
        return ended

    def drop(self) -> list[Request]:
        """Forget the round under way; return its requests, which have half a word."""
        current, self._aside = self._aside, None
        return [] if current is None else list(current.requests.values())

    def _begin(self, requests: Sequence[Request]) -> RoundUnderWay:
        rows = {each.row.caption: each for each in requests if each.row.caption is not None}
        return RoundUnderWay(self.runner.begin(list(rows)), rows, _expected_s(rows))

    def _call(self, current: RoundUnderWay) -> None:
        stage = current.round.calls[current.round.done].stage
        start_s = self._clock.now_s()
        riders = self.runner.step(current.round)
        took_s = self._clock.now_s() - start_s
        current.took_s += took_s
        texts = sum(len(row.slots) for row in riders)
        if texts:
            self._telemetry.step(texts)
        for row in riders:
            count = len(row.slots)
            current.requests[row].spend(stage, took_s, count / texts, count)

    def _close(self, current: RoundUnderWay) -> tuple[list[Request], dict[int, BackendError]]:
        failed: dict[int, BackendError] = {}
        if current.expected_s > 0:
            self._predictor.times.add(current.took_s, current.expected_s, self._clock.now_s())
        ended, now = current.alive, self._clock.now_s()
        for row, request in ended:
            if row in current.round.failed:
                failed[request.id] = backend_error(current.round.failed[row], "decode")
                _LOG.error("request %d failed: %s", request.id, failed[request.id])
                continue
            request.ran(current.expected_s)
            request.first_word_s = request.first_word_s or now
            refused = now > request.first_due_s and request.budget.on_miss == "reject"
            if request.stream is not None and not row.done and not refused:
                request.stream.grow(row.words)
        return [request for _, request in ended], failed


def _expected_s(requests: Mapping[CaptionRow, Request]) -> float:
    """Return the mean seconds of a round: each whole variant in it has a call of its own."""
    together: dict[Step, list[tuple[Line, int]]] = {}
    for row, request in requests.items():
        line = request.view.route.lines[request.view.position]
        together.setdefault(row.word[0], []).append((line, len(row.slots)))
    total_s = 0.0
    for lines in together.values():
        texts = sum(count for _, count in lines)
        total_s += max(fixed_s + row_s * texts for (fixed_s, row_s), _ in lines)
    return total_s
