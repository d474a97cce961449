"""A fault at any line that the engine's thread runs, and a schedule that runs most of them."""

from __future__ import annotations

import dis
import linecache
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.errors import EngineError
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Input
from tests.engine.artifacts.tiny_model import TRIO_MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.fake_backend import fake_pool
from tests.engine.pools.request_counts import request_counts

ENGINE = Path(__file__).parents[3] / "engine"
SWEPT = frozenset(
    str(ENGINE / path)
    for path in (
        "loop/executor.py",
        "loop/inbox.py",
        "loop/taken_in.py",
        "loop/stepper.py",
        "loop/caption_rounds.py",
        "loop/idle/idle_time.py",
        "requests/audit_sample.py",
        "requests/endings.py",
        "requests/open_requests.py",
        "requests/variants.py",
    )
)
Place = tuple[str, int]
"""A file and a line of it."""


class Broken(Exception):
    """The fault: a bug, or memory that is used up."""


class Killed(BaseException):
    """What no guard for errors catches."""


class Faults:
    """Sees every line that the engine's thread runs in the swept files; raises at one of them.

    Args:
        at: raise before the line that is run so many lines after the first; None: at none.
        place: raise whenever this line is to run; None: at none.
    """

    def __init__(
        self,
        at: int | None = None,
        place: Place | None = None,
        kind: type[BaseException] = Broken,
    ) -> None:
        self.at, self.place, self.kind = at, place, kind
        self.seen: list[Place] = []
        self.raised = 0
        self.last: Place | None = None
        self.paused = False

    @contextmanager
    def in_new_threads(self) -> Iterator[None]:
        before = threading.gettrace()
        threading.settrace(self._enter)
        try:
            yield
        finally:
            threading.settrace(before)  # type: ignore[arg-type]

    def _enter(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename not in SWEPT:
            return None
        return self._line if threading.current_thread().name == "otmv-engine" else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event != "line" or self.paused or frame.f_lasti in _exits(frame.f_code):
            return self._line
        if frame.f_code.co_name == "_loop" and not self.seen:
            return self._line  # the thread's first line: no guard can stand before it
        place = (frame.f_code.co_filename, frame.f_lineno)
        self.seen.append(place)
        if len(self.seen) - 1 == self.at or place == self.place:
            self.raised, self.last = self.raised + 1, place
            raise self.kind(f"{Path(place[0]).name}:{place[1]}")
        return self._line


@cache
def _exits(code: CodeType) -> frozenset[int]:
    """Return where a `with` is left: a lock would stay taken, which no program can mend."""
    found = set()
    for each in dis.get_instructions(code):
        line = linecache.getline(code.co_filename, (each.positions and each.positions.lineno) or 0)
        if each.opname in ("LOAD_CONST", "PUSH_EXC_INFO") and line.lstrip().startswith("with "):
            found.add(each.offset)
    return frozenset(found)


class Play:
    """Questions, statements and captions, with budgets and without; one leaves, one comes late."""

    def __init__(self, artifact: Artifact, faults: Faults) -> None:
        self.faults = faults
        config = EngineConfig(
            cache_dir=Path("unused"), max_batch=4, caption_slots=8, queue_limit=12, grace_s=0.02
        )
        with faults.in_new_threads():
            self.pool, self.backend, self.clock = fake_pool(artifact, TRIO_MODEL, config)
        self.told: dict[str, Future[Answer]] = {}
        self.pieces: list[str] = []
        self.sent = 0
        self._calls = 0
        self._cancelled: Request | None = None
        self.backend.hook = self._during

    def run(self) -> None:
        """Send all and wait for every answer; whatever has no answer after seconds, fails."""
        with inside.parts(self.pool).executor.inbox._changed:  # they are taken in together
            self._come("question", VqaInput(picture(0), "what colour"))
            self._come("hurried", VqaInput(picture(1), "what colour"), max_latency_ms=6.0)
            self._come("strict", VqaInput(picture(2), "what"), max_latency_ms=9.0, on_miss="reject")
            self._come("statement", ReasonInput((picture(3), picture(4)), "what colour"))
            self._cancelled = self._come("beams", CaptionInput(picture(5), None, 3))
            self._come("streamed", CaptionInput(picture(6), 4, 1))
        while waiting := [each for each in list(self.told.values()) if not each.done()]:
            with suppress(EngineError):
                waiting[0].result(10)

    def _come(self, name: str, made: Input, **budget: Any) -> Request | None:
        rows = made.num_beams if isinstance(made, CaptionInput) else 1
        self.sent += 1
        on_text = self.pieces.append if name == "streamed" else None
        try:
            ticket = self.pool.admit(made.task, Budget(**budget), self.clock.time_s, rows=rows)
            self.told[name] = self.pool.submit(ticket, made, on_text)
        except EngineError:  # it was told so
            return None
        return ticket

    def _during(self, stage: str, inputs: dict[str, Array]) -> None:
        """At some calls something happens outside; faults of callers are not the loop's."""
        self.faults.paused = True
        try:
            self.clock.time_s += 0.001
            self._calls += 1
            if self._calls == 5:
                self._come("late", VqaInput(picture(7), "what colour is a b"))
            if self._calls == 9 and self._cancelled is not None:
                self.pool.cancel(self._cancelled)
            if self._calls == 11:
                self.pool.set_memory_budget(None)
        finally:
            self.faults.paused = False

    def check(self, wanted: dict[str, Answer]) -> None:
        """All is told once, counted once and given back; what was answered, is right."""
        assert all(future.done() for future in self.told.values())
        for name, answer in self.answers().items():
            if answer.variant == wanted[name].variant:  # in other company it is summed otherwise
                assert dict(answer.labels) == pytest.approx(dict(wanted[name].labels), rel=1e-4)
                assert answer.text == wanted[name].text
        if self.pool.ready:
            self._check_ready()
        else:
            assert self.pool.stopped
        counted = Counter(request_counts(self.pool))
        assert counted.total() == self.sent, counted

    def _check_ready(self) -> None:
        """It answers as before, and nothing of what came before is left."""
        self.faults.at = self.faults.place = None
        self._come("last", VqaInput(picture(0), "what colour"))
        assert self.told["last"].result(10).variant == "full"
        assert self.pool.drain(10)
        assert inside.running(self.pool) == []
        assert inside.loop(self.pool).requests.idle
        assert (inside.free_slots(self.pool), inside.taken_slots(self.pool)) == (8, 0)
        assert not inside.has_seated_rows(self.pool)

    def answers(self) -> dict[str, Answer]:
        """What was answered, without the last question."""
        done = {name: each for name, each in self.told.items() if name != "last"}
        return {name: each.result(0) for name, each in done.items() if each.exception(0) is None}
