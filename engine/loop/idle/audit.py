"""The live quality audit: kept answers are run again at the deepest variant, and compared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator

from engine.errors import BackendError
from engine.requests.audit_sample import AuditSample, KeptAnswer
from engine.telemetry import Telemetry
from engine.types import Input

_LOG = logging.getLogger(__name__)

AnswerAgain = Callable[[Input], Generator[None, None, str] | None]
"""Answers an input at the deepest variant, yielding after each stage call; what it returns is the
best label, or the text. None: that variant is not loaded."""


class Audit:
    """Idle work: tells whether kept answers are those that the deepest variant gives.

    It runs on rows of its own, so a request that comes between two calls finds nothing changed.
    """

    def __init__(self, sample: AuditSample, again: AnswerAgain, telemetry: Telemetry) -> None:
        self._sample = sample
        self._again = again
        self._telemetry = telemetry
        self._under_way: tuple[KeptAnswer, Generator[None, None, str]] | None = None

    def wanted(self) -> bool:
        """Tell whether an answer is left to be compared."""
        return self._under_way is not None or len(self._sample) > 0

    def piece(self) -> bool:
        """Run one stage call for one kept answer; after the last, compare."""
        if self._under_way is None:
            kept = self._sample.take()
            answering = self._again(kept.given)
            if answering is None:
                return True
            self._under_way = kept, answering
        kept, answering = self._under_way
        try:
            next(answering)
        except StopIteration as end:
            self._under_way = None
            self._telemetry.audited(kept.made_by, agrees=end.value == kept.said)
        except BackendError as error:
            self._under_way = None
            _LOG.warning("audit of a %s answer: %s", kept.made_by.task, error)
        return True

    def pause(self) -> None:
        """Go on later where it is: its rows are its own."""

    def drop(self) -> None:
        """Forget the answer under way, and give back what its row holds."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way[1].close()
