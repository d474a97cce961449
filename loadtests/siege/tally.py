"""What a generator counts while it sends: no answer is kept, so it may run for hours. Pure."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from loadtests.kit.latencies import percentiles_ms
from loadtests.kit.processes.message import Message

_MET = b'"deadline_met":true'
_ANSWERED = 200


@dataclass(frozen=True)
class LoadFound(Message):
    """What became of a load.

    Attributes:
        sent: requests written.
        seconds: from the first to the last of them.
        ended: how many had which status; "lost" had no answer.
        on_time: answers with status 200 by their deadline, by the client's clock.
        claimed_late: answers after their deadline that say it was met.
        past_grace: answers of any status later than deadline and grace.
        foreign: bytes that belong to no request, and answers that name another one: doubled.
        latencies_ms: percentiles of answers with status 200.
        refusals_ms: percentiles of all others.
        cpu_s: processor seconds of the client.
        went_first: whether the client had precedence over the server for the processor.
    """

    sent: int
    seconds: float
    ended: Mapping[str, int]
    on_time: int
    claimed_late: int
    past_grace: int
    foreign: int
    latencies_ms: Mapping[str, float | None]
    refusals_ms: Mapping[str, float | None]
    cpu_s: float
    went_first: bool

    @property
    def lost(self) -> int:
        """Requests that had no answer."""
        return self.ended.get(LOST, 0)

    @property
    def answers(self) -> int:
        """Requests that had the status 200."""
        return self.ended.get(str(_ANSWERED), 0)

    @property
    def sent_hz(self) -> float:
        """Requests a second that were sent."""
        return self.sent / self.seconds if self.seconds else 0.0

    @property
    def answered_hz(self) -> float:
        """Answers a second with status 200."""
        return self.answers / self.seconds if self.seconds else 0.0

    @property
    def attainment(self) -> float:
        """The share that was answered by its deadline."""
        return self.on_time / self.sent if self.sent else 0.0


LOST = "lost"


class Tally:
    """Counts ends of requests; a deadline and its grace hold for all of them."""

    def __init__(self, deadline_s: float, grace_s: float) -> None:
        self._deadline_s = deadline_s
        self._past_s = deadline_s + grace_s
        self._ended: Counter[str] = Counter()
        self._answered_s = array("d")
        self._refused_s = array("d")
        self._on_time = self._claimed_late = self._past_grace = 0
        self.sent = self.foreign = 0

    def answered(self, status: int, body: bytes, took_s: float) -> None:
        """Count an answer that was read `took_s` after its request was written."""
        self._ended[str(status)] += 1
        self._past_grace += took_s > self._past_s
        if status != _ANSWERED:
            self._refused_s.append(took_s)
            return
        self._answered_s.append(took_s)
        if took_s <= self._deadline_s:
            self._on_time += 1
        elif _MET in body:
            self._claimed_late += 1

    def lost(self) -> None:
        """Count a request that nothing came of."""
        self._ended[LOST] += 1

    def found(self, seconds: float, cpu_s: float, *, went_first: bool) -> LoadFound:
        """Return what was counted."""
        return LoadFound(
            self.sent,
            seconds,
            dict(sorted(self._ended.items())),
            self._on_time,
            self._claimed_late,
            self._past_grace,
            self.foreign,
            percentiles_ms(self._answered_s),
            percentiles_ms(self._refused_s),
            cpu_s,
            went_first,
        )
