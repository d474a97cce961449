"""The latency profile is measured again while the engine is idle, where it has proved too slow."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Protocol

from artifact.latency.profile import Curve, LatencyProfile
from engine.clock import Clock
from engine.requests.prediction import Predictor

_LOG = logging.getLogger(__name__)

_TOO_SLOW = 2 / 3
"""Calls take less of what the profile says: it was measured in a slow moment."""
_SLOWER = 1.25
"""One that was measured beside another engine is not replaced by one slower than that."""
_AGAIN_S = (60.0, 3600.0)
"""After a slow moment it is tried again so much later; each time twice that, up to the second."""


Curves = Mapping[str, Mapping[int, Curve]]
"""What was measured: by stage and bucket."""


class ProfileMeasuring(Protocol):
    """A measurement under way; `engine.opening.measurement.Measurement` is one."""

    def call(self) -> bool:
        """Run one stage call; tell whether any is left."""
        ...

    def restart(self) -> None:
        """Begin the point under way anew: something else has come between its calls."""
        ...

    def curves(self) -> Curves:
        """Return what was measured."""
        ...


class ProfileRetake:
    """Idle work: notices a latency profile of a slow moment, measures it again, and swaps it.

    It is noticed where calls usually take less than two thirds of what it says, and where it was
    measured beside another engine; then nothing is measured before that one is closed. A new one is
    compared with what calls took under load. If it is not half-way there, as a ratio, it was taken
    in a slow moment itself and is dropped; so whatever is kept is nearer the truth.

    Args:
        predictor: whose profile it is.
        begin: begins a measurement of the loaded stages.
        finish: makes a profile of what was measured.
        keep: writes a profile into the cache.
        clock: of the engine.
        beside: whether the present profile was measured beside another engine.

    Attributes:
        alone: tells whether no other engine of the process answers.
    """

    def __init__(
        self,
        predictor: Predictor,
        begin: Callable[[], ProfileMeasuring],
        finish: Callable[[Curves], LatencyProfile],
        keep: Callable[[LatencyProfile], None],
        clock: Clock,
        beside: bool,
    ) -> None:
        self._predictor = predictor
        self._begin, self._finish, self._keep = begin, finish, keep
        self._clock = clock
        self._beside = beside
        self.alone: Callable[[], bool] = lambda: not beside
        self._under_way: ProfileMeasuring | None = None
        self._not_before_s = -math.inf
        self._wait_s = _AGAIN_S[0]

    def wanted(self) -> bool:
        """Tell whether the present profile is to be measured again."""
        if self._clock.now_s() < self._not_before_s:
            return False
        usual = self._predictor.times.usual
        return self._beside or (usual is not None and usual < _TOO_SLOW)

    def piece(self) -> bool:
        """Run one stage call of the measurement; after the last, swap the profile or drop it."""
        if not self.alone():
            return False
        if self._under_way is None:
            self._under_way = self._begin()
        if not self._under_way.call():
            measured, self._under_way = self._under_way.curves(), None
            self._end(self._finish(measured))
        return True

    def pause(self) -> None:
        """Go on later, with the point under way from its beginning."""
        if self._under_way is not None:
            self._under_way.restart()

    def drop(self) -> None:
        """Forget the measurement under way."""
        self._under_way = None

    def _end(self, new: LatencyProfile) -> None:
        usual = self._predictor.times.usual
        ratio = new.over(self._predictor.means.profile)
        loaded = "" if usual is None else f" (under load {usual:.2f})"
        most = math.sqrt(usual) if usual is not None and usual < _TOO_SLOW else _SLOWER
        if ratio > most:
            self._not_before_s = self._clock.now_s() + self._wait_s
            self._wait_s = min(2 * self._wait_s, _AGAIN_S[1])
            _LOG.info(
                "the latency profile was measured again in a slow moment, and is kept as it was: "
                "calls took %.2f of its times%s",
                ratio,
                loaded,
            )
            return
        self._predictor.replace(new)
        self._beside, self._wait_s = False, _AGAIN_S[0]
        self._keep(new)
        _LOG.info(
            "the latency profile was measured again and replaced: calls take %.2f of the times of "
            "the old one%s",
            ratio,
            loaded,
        )
