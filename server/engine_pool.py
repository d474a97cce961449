"""What the server needs of an engine; `engine.pool.EnginePool` has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from artifact.store import Artifact
from artifact.task import TaskName
from engine.requests.request import Request
from engine.residency.adapters.lease import LoadedAdapter
from engine.types import Answer, Budget, Input, Offer, Outcome

Progress = Callable[[str, float], None]
"""Called with the phase of loading and the share of it that is done; may raise `LoadingStopped`."""

LOADER_THREAD = "load-engine"
"""Name of the threads that load an engine."""


class LoadingStopped(Exception):
    """The server is going down: what is being loaded is not needed any more."""


OnText = Callable[[str], None]
"""Called on the engine's thread with each new piece of an answer's text; never blocks."""


class Pool(Protocol):
    """The engine's façade, as the server uses it. Every method may be called from any thread."""

    @property
    def artifact(self) -> Artifact:
        """The artifact that is served."""
        ...

    @property
    def ready(self) -> bool:
        """Whether requests are taken."""
        ...

    @property
    def stopped(self) -> bool:
        """Whether a fault has ended the engine; every request has failed then."""
        ...

    @property
    def silent_s(self) -> float:
        """How long the engine has been at its present turn, seconds; 0 while it is idle."""
        ...

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
        """Take a place in the queue and `rows` slots, or raise the typed refusal at once.

        `tokens`: of the text. `reply_s`: predicted time from the engine's answer to the reply.
        `adapter`: name of a loaded one.
        `outside`: requests that wait in the front: rows with an answer make room for them.
        """
        ...

    def check_question(self, question: str) -> int:
        """Return a question's or statement's tokens, or raise a TextError: it cannot be read."""
        ...

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        """Raise InvalidInput for what the artifact or the engine cannot do."""
        ...

    def submit(
        self, request: Request, given: Input, on_text: OnText | None = None
    ) -> Future[Answer]:
        """Hand in the decoded input of an admitted request.

        `on_text` gets the text of a greedy caption piece by piece, before the future is done; the
        pieces joined are the answer's text.
        """
        ...

    def cancel(self, request: Request, outcome: Outcome = "cancelled") -> None:
        """Give the place back, counted as `outcome`; harmless after the answer."""
        ...

    def offers(self, task: TaskName | None = None) -> list[Offer]:
        """Return every variant as it can be served now."""
        ...

    def successor(self, artifact: Artifact, on_progress: Progress) -> Pool:
        """Open another artifact while this one answers; blocking. Raises what loading raises."""
        ...

    def show(self) -> None:
        """Let the gauges of the telemetry that both share show this engine."""
        ...

    @property
    def memory_budget_bytes(self) -> int | None:
        """The most bytes that loaded stages may take; None without a limit."""
        ...

    @property
    def resident_bytes(self) -> int:
        """The bytes of all loaded stages and their workspace, open requests apart."""
        ...

    def set_memory_budget(self, budget_bytes: int | None) -> None:
        """Change the bytes that loaded stages may take; blocking, for stages may be loaded.

        Raises BudgetTooSmall if no variant would be left, LoadFailed if a stage cannot be loaded.
        """
        ...

    def adapters(self) -> Mapping[str, LoadedAdapter]:
        """Return the adapters that requests may name."""
        ...

    def load_adapter(self, folder: Path) -> LoadedAdapter:
        """Load an adapter; blocking. Raises AdapterError, ArtifactError, AdapterNotLoaded or
        LoadFailed, and nothing has changed then.
        """
        ...

    def drop_adapter(self, name: str) -> LoadedAdapter:
        """Let no new request name an adapter, or raise UnknownAdapter."""
        ...

    def drain(self, timeout_s: float) -> bool:
        """Refuse new requests, wait for the running ones; False if the time ran out."""
        ...

    def close(self) -> None:
        """Stop and free everything."""
        ...


OpenPool = Callable[[Progress], Pool]
"""Loads, checks and warms an engine; blocking."""
