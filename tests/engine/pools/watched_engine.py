"""An engine on real ONNX Runtime whose clock stands still; it says what was in every step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from artifact.stage import StageName
from artifact.store import Artifact
from engine.backends.onnxruntime import OnnxRuntimeBackend
from engine.config import EngineConfig
from engine.errors import BackendError
from engine.loop.caption_rounds import RoundUnderWay
from engine.opening.open import OpenedEngine
from engine.pool import EnginePool
from engine.requests.request import Request
from engine.residency.family import Family
from engine.residency.stages import StageSet
from engine.tasks.caption import CaptionInput
from engine.telemetry import Telemetry
from engine.types import Answer, Budget, Input
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.fake_backend import FakeClock, flat_profile

IdleEngine = Callable[[Artifact], "WatchedEngine"]
"""Gives an engine of an artifact that has nothing else to do, to compare with."""


@dataclass(frozen=True)
class StepSeen:
    """One call of the stepper: the requests in it, what each row needed, and when it began."""

    stage: str
    ids: tuple[int, ...]
    needs: tuple[tuple[str, int], ...]
    orders: tuple[int | None, ...]
    now_s: float


class WatchedEngine:
    """An open pool. `before_step` sees every step's jobs; `during` and `after` are inside the call.

    All three run on the engine's thread. `during` may raise, as a backend would; `after` gets the
    outputs and may change them. Stage calls wait for `gate`.
    """

    def __init__(self, artifact: Artifact, **config: object) -> None:
        settings = EngineConfig(cache_dir=Path("unused"), **config)  # type: ignore[arg-type]
        backend, self.clock = OnnxRuntimeBackend(settings.threads), FakeClock()
        family = Family(artifact.manifest, backend.precision)
        places = settings.adapter_places
        self.stages = StageSet(artifact, backend, family, settings.max_batch, adapter_places=places)
        self.stages.load(lambda what, share: None)
        opened = OpenedEngine(backend, family, self.stages, flat_profile(family, 0.001))
        self.steps: list[StepSeen] = []
        self.logits: dict[int, Array] = {}
        self.before_step: Callable[[StepSeen], None] = lambda seen: None
        self.during: Callable[[str, Mapping[str, Array]], None] = lambda stage, inputs: None
        self.after: Callable[[str, Mapping[str, Array], Mapping[str, Array]], None] = (
            lambda stage, inputs, outputs: None
        )
        self.gate = threading.Event()
        self.gate.set()
        self._watch_stages()
        self.pool = EnginePool(artifact, settings, opened, Telemetry(), self.clock)
        self._watch_stepper()
        if inside.loop(self.pool).captions is not None:
            self._watch_rounds()

    def _watch_stages(self) -> None:
        run = self.stages.run

        def watched(
            stage: str, inputs: Mapping[str, Array], into: Mapping[str, Array] | None = None
        ) -> dict[str, Array]:
            self.gate.wait(60)
            self.during(stage, inputs)
            outputs = run(stage, inputs, into)
            self.after(stage, inputs, outputs)
            return outputs

        self.stages.run = watched  # type: ignore[method-assign]

    def _watch_stepper(self) -> None:
        stepper = inside.loop(self.pool).stepper
        run = stepper.run

        def watched(
            stage: StageName, jobs: Sequence[Request], steps: int, interrupted: Callable[[], bool]
        ) -> dict[int, BackendError]:
            seen = StepSeen(
                stage,
                tuple(job.id for job in jobs),
                tuple((job.row.step.stage, job.row.bucket) for job in jobs),
                tuple(job.row.step.order for job in jobs),
                self.clock.time_s,
            )
            self.steps.append(seen)
            self.before_step(seen)
            failed = run(stage, jobs, 1, interrupted)  # each step is looked at by itself
            self.logits.update((j.id, j.row.logits) for j in jobs if j.row.logits is not None)
            return failed

        stepper.run = watched  # type: ignore[method-assign]

    def _watch_rounds(self) -> None:
        def before(current: RoundUnderWay) -> None:
            made = current.round.calls[current.round.done]
            ids = tuple(request.id for _, request in current.alive)  # some bypass this order
            size = len(ids)
            needs = ((made.stage, 0),) * size
            seen = StepSeen(made.stage, ids, needs, (made.order,) * size, self.clock.time_s)
            self.steps.append(seen)
            self.before_step(seen)

        inside.watch_round_calls(self.pool, before)

    def orders_of(self, request_id: int, kind: str = "block[") -> tuple[int, ...]:
        """Return the orders a request's row ran, in the order it ran them."""
        return tuple(
            order
            for seen in self.steps
            if seen.stage.startswith(kind)
            for number, order in zip(seen.ids, seen.orders, strict=True)
            if number == request_id and order is not None
        )

    def send(
        self, made: Input, budget: Budget, on_text: Callable[[str], None] | None = None
    ) -> tuple[Request, Future[Answer]]:
        rows = made.num_beams if isinstance(made, CaptionInput) else 1
        request = self.pool.admit(made.task, budget, self.clock.time_s, rows=rows)
        return request, self.pool.submit(request, made, on_text)

    def calm(self) -> None:
        """Forget what was seen, and watch nothing: for an engine that several tests use."""
        self.gate.set()
        self.steps.clear()
        self.before_step = lambda seen: None
        self.during = lambda stage, inputs: None
        self.after = lambda stage, inputs, outputs: None

    def close(self) -> None:
        self.gate.set()
        self.pool.close()
