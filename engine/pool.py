"""EnginePool: the façade the server talks to (docs/architecture.md)."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path

from artifact.errors import ArtifactError, TextError
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.clock import Clock, SystemClock
from engine.config import EngineConfig
from engine.errors import (
    AdapterNotLoaded,
    Cancelled,
    CapacityError,
    DeadlineExpired,
    DeadlineUnattainable,
    Draining,
    EngineStopped,
    LoadFailed,
    NotReady,
    RequestError,
)
from engine.opening.auto import open_chosen
from engine.opening.open import OpenedEngine
from engine.requests.admission import Known, shed_reason
from engine.requests.request import Request
from engine.residency.adapters.lease import LoadedAdapter
from engine.residency.stages import Progress
from engine.telemetry import NO_VARIANT, Telemetry
from engine.types import Answer, Budget, Input, Offer, Outcome
from engine.wiring import wire

_LOG = logging.getLogger(__name__)


class EnginePool:
    """One artifact, loaded and checked, answering requests within their budgets. Thread-safe.

    The life of a request: `admit` takes a place or refuses at once; `submit` hands over the
    decoded picture and returns a future; `cancel` ends it early. Each ends exactly once.
    """

    def __init__(
        self,
        artifact: Artifact,
        config: EngineConfig,
        opened: OpenedEngine,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self.artifact = artifact
        self.telemetry = telemetry
        self.backend = opened.backend
        self._config = config
        self._clock = clock
        self._stages = opened.stages
        self._budget_lock = threading.Lock()
        self._parts = wire(artifact, config, opened, telemetry, clock)
        members = opened.family.members
        self._offered = {name: member.quality for name, member in members.items()}
        self._agreements = opened.family.agreements()
        if config.beside_bytes is None:
            self.show()
        self._parts.executor.start()
        self._open = True
        self._ended = threading.Event()

    @classmethod
    def open(
        cls,
        artifact: Artifact,
        config: EngineConfig,
        telemetry: Telemetry | None = None,
        clock: Clock | None = None,
        on_progress: Progress | None = None,
    ) -> EnginePool:
        """Load and warm every stage, check golden parity and quality, measure times; blocking.

        `on_progress(what, share)` is called on this thread.

        Raises:
            LoadFailed, ParityFailed: nothing stays loaded then.
        """
        opened = open_chosen(artifact, config, on_progress or (lambda what, share: None))
        try:
            return cls(artifact, config, opened, telemetry or Telemetry(), clock or SystemClock())
        except LoadFailed:  # a device without memory for keys and values
            opened.stages.close()
            raise

    def successor(self, artifact: Artifact, on_progress: Progress | None = None) -> EnginePool:
        """Open another artifact as this one was, while this one answers; blocking (ADR 0026).

        Both are in memory then, and each may take the whole memory budget. They share one
        telemetry: counters count for both, gauges show this one until the other's `show`. Adapters
        of this one are loaded into the other if they are for that, too.

        Raises:
            LoadFailed, ParityFailed: nothing of it stays loaded then, and this one is as before.
        """
        beside = dataclasses.replace(
            self._config,
            memory_budget_bytes=self._stages.budget_bytes,
            beside_bytes=self._stages.workspace_bytes,
        )
        new = EnginePool.open(artifact, beside, self.telemetry, self._clock, on_progress)
        new._parts.retake.alone = self._ended.is_set
        for name, adapter in self.adapters().items():
            try:
                new.load_adapter(adapter.folder)
            except (ArtifactError, AdapterNotLoaded, LoadFailed) as error:
                _LOG.warning("adapter %s is not there any more: %s", name, error)
        return new

    @property
    def ready(self) -> bool:
        """Whether requests are taken: from the opening until it is closed, or has stopped."""
        return self._open and not self.stopped

    @property
    def stopped(self) -> bool:
        """Whether its thread has ended by a fault; every request has failed then."""
        return self._parts.executor.stopped

    @property
    def silent_s(self) -> float:
        """How long the engine has been at its present turn, seconds; 0 while it is idle."""
        return self._parts.executor.silent_s

    def show(self) -> None:
        """Let the gauges show this engine."""
        requests = self._parts.requests
        self.telemetry.watch_open(lambda: requests.open, lambda: requests.slots_taken)
        self.telemetry.watch_load(requests.running, requests.utilization, self._parts.price)
        self.telemetry.watch_engine(lambda: self.silent_s)
        self.telemetry.watch_queue(self._parts.requests.waiting, self._parts.requests.request_bytes)
        self.telemetry.watch_stages(self._stages.loaded_bytes)
        self.telemetry.watch_keys(self._stages.keys, self._stages.key_bytes)
        self.telemetry.watch_budget(lambda: self._stages.budget_bytes)
        self.telemetry.watch_adapters(lambda: len(self._parts.shelf.loaded))
        self.telemetry.watch_offers(self._offered)
        self.telemetry.watch_agreements(self._agreements, self._config.audit_share > 0)

    def admit(
        self,
        task: TaskName,
        budget: Budget,
        arrived_s: float,
        decode_s: float = 0.0,
        rows: int = 1,
        tokens: int | None = None,
        reply_s: float = 0.0,
        adapter: str | None = None,
        outside: int = 0,
    ) -> Request:
        """Take a place for a request before its picture is decoded.

        Args:
            task: what is asked.
            budget: what it may cost.
            arrived_s: when its head arrived, on the pool's clock.
            decode_s: predicted time until `submit`.
            rows: rows of a batch it takes; a caption needs a slot for each, its beams.
            tokens: of its text (see `check_question`), or most of a caption's, if that is known.
            reply_s: predicted time from the engine's answer until the caller has it.
            adapter: name of the adapter that it is answered with; None: the base answers.
            outside: requests that wait before the caller: rows with an answer make room for them.

        Raises:
            RequestError, CapacityError, DeadlineUnattainable: the request has ended then.
        """
        try:
            if not self.ready:
                raise NotReady
            known = Known(arrived_s, decode_s, rows, tokens, reply_s, adapter, outside)
            return self._parts.admission.open(task, budget, known, self._clock.now_s())
        except RequestError:
            self.telemetry.ended(task, NO_VARIANT, "invalid")
            raise
        except (CapacityError, DeadlineUnattainable) as error:
            self.telemetry.ended(task, NO_VARIANT, "refused")
            self.telemetry.shed(shed_reason(error))
            raise

    def check_question(self, question: str) -> int:
        """Refuse a question or a statement the model cannot read; comes before `admit`.

        Returns:
            Its tokens, [BOS] and [EOS] counted.

        Raises:
            TextError: it is empty, or has more tokens than the model reads.
        """
        return self._parts.row_maker.check_text(question)

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        """Refuse a caption that cannot be written; comes before `admit`.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        self._parts.row_maker.check_caption(max_new_tokens, num_beams)

    def submit(
        self, request: Request, given: Input, on_text: Callable[[str], None] | None = None
    ) -> Future[Answer]:
        """Hand over the input of an admitted request; the future holds the answer or an error.

        `on_text` gets a greedy caption piece by piece, on the engine's thread, and must not block;
        joined, the pieces are the answer's text.

        Raises:
            InvalidInput: the input is wrong; DeadlineExpired: it came too late; Cancelled: the
                request had ended; EngineStopped: nothing runs any more. It has ended then.
        """
        claimed = self._parts.requests.claim(request.id)
        now = self._clock.now_s()
        if claimed is None:
            raise EngineStopped if self.stopped else Cancelled
        try:
            if request.expires_s <= now:
                raise DeadlineExpired(now - request.arrived_s)
            self._parts.row_maker.make(request, given, now, on_text)
            self._parts.executor.submit(request)
        except Exception as error:  # whatever it is, the request has ended, and its caller knows
            self._parts.requests.free(request)
            self._parts.endings.end(request, _outcome(error), error)
            raise
        if self._parts.requests.find(request.id) is None:  # cancelled meanwhile
            self._parts.executor.cancel(request.id)
        return request.future

    def cancel(self, request: Request, outcome: Outcome = "cancelled") -> None:
        """End a request early: its place is free at once, its rows stop within one step.

        It counts as `outcome`: `invalid` if its picture turned out to be unreadable, `expired` if
        that was not decoded in time, `refused` if another question about the same picture was,
        `error` if a fault of ours has ended it. Does nothing once the request has ended.
        """
        try:
            self._parts.endings.end(request, outcome, Cancelled())
        finally:
            self._parts.executor.cancel(request.id)

    def offers(self, task: TaskName | None = None) -> list[Offer]:
        """Return every variant of a task, or of all tasks, as it can be served now."""
        tasks = self.artifact.manifest.asked if task is None else (TASKS[task],)
        return [offer for each in tasks for offer in self._parts.planner.offers(each)]

    @property
    def memory_budget_bytes(self) -> int | None:
        """The most bytes that loaded stages may take; None without a limit."""
        return self._stages.budget_bytes

    @property
    def resident_bytes(self) -> int:
        """The bytes of all loaded stages and their workspace, open requests apart."""
        return sum(self._stages.loaded_bytes())

    def set_memory_budget(self, budget_bytes: int | None) -> None:
        """Change the byte budget of loaded stages; running rows finish on keys that must go.

        Blocking: keys that fit again are loaded.

        Raises:
            BudgetTooSmall: no variant would be left; nothing changes then.
            LoadFailed: a key that fits cannot be loaded; the budget has changed then.
        """
        with self._budget_lock:
            self._stages.set_budget(budget_bytes)
        self._parts.executor.wake()

    def adapters(self) -> Mapping[str, LoadedAdapter]:
        """Return the adapters that requests may name."""
        return self._parts.shelf.loaded

    def load_adapter(self, folder: Path) -> LoadedAdapter:
        """Load an adapter while requests run; blocking. Nothing changes where it fails.

        Raises:
            AdapterError, ArtifactError: it cannot be read, or is not for this artifact.
            AdapterNotLoaded: its name is taken, or there is no room for it.
            LoadFailed: a stage that takes it cannot be loaded.
        """
        return self._parts.shelf.load(folder)

    def drop_adapter(self, name: str) -> LoadedAdapter:
        """Let no new request name an adapter; those that have it finish with it.

        Raises:
            UnknownAdapter: there is none of that name.
        """
        return self._parts.shelf.drop(name)

    def drain(self, timeout_s: float) -> bool:
        """Take nothing new and wait until all has ended; False if something is left."""
        return self._parts.requests.drain(timeout_s)

    def close(self) -> None:
        """Stop. What is still open ends as cancelled, with Draining."""
        self._open = False
        for request in self._parts.requests.close():
            self._parts.endings.end(request, "cancelled", Draining())
        if self._parts.executor.close():
            self._stages.close()  # else a step that never ends still uses them
            self._ended.set()


def _outcome(error: Exception) -> Outcome:
    """Return how a request ends that could not be handed over: by whose fault."""
    if isinstance(error, DeadlineExpired):
        return "expired"
    return "invalid" if isinstance(error, RequestError | TextError) else "error"
