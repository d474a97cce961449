"""A clock that stands still, and a backend in NumPy that can be held, broken and watched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from artifact.config import Precision
from artifact.latency.profile import LatencyProfile
from artifact.manifest import StageFile
from artifact.store import Artifact
from engine.backends.arrays import HOST, Memory
from engine.config import EngineConfig
from engine.errors import InferenceFailed
from engine.opening.open import OpenedEngine
from engine.pool import EnginePool
from engine.residency.family import Family
from engine.residency.stages import StageSet
from engine.telemetry import Telemetry
from tests.engine.artifacts.tiny_model import Array, TinyModel

Hook = Callable[[str, dict[str, Array]], dict[str, Array] | None]


class FakeClock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def now_s(self) -> float:
        return self.time_s


class FakeStage:
    def __init__(self, stage: str, backend: FakeBackend) -> None:
        self._stage = stage
        self._backend = backend

    def run(
        self, inputs: Mapping[str, Array], into: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        found = self._backend.call(self._stage, dict(inputs))
        for name, array in (into or {}).items():
            if array.shape != found[name].shape or array.dtype != found[name].dtype:
                raise InferenceFailed(self._stage, f"{name} does not fit")
            array[...] = found[name]
        return {**found, **(into or {})}


class FakeBackend:
    """Runs the NumPy twin. `hook` may return other outputs or raise; `gate` holds every step."""

    name = "fake"
    library = "numpy"
    precision: Precision = "fp32"
    shares_workspace = False
    compiles_shapes = False
    memory: Memory = HOST

    def __init__(self, model: TinyModel) -> None:
        self.model = model
        self.hook: Hook = lambda stage, inputs: None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.calls: list[tuple[str, int]] = []

    def load(self, stage: str, path: Path, spec: StageFile) -> FakeStage:
        return FakeStage(stage, self)

    def call(self, stage: str, inputs: dict[str, Array]) -> dict[str, Array]:
        self.entered.release()
        if not self.gate.wait(60):
            raise InferenceFailed(stage, "the test never opened the gate")
        self.calls.append((stage, len(next(iter(inputs.values())))))
        changed = self.hook(stage, inputs)
        return self.model.run(stage, inputs) if changed is None else changed

    def hold(self) -> None:
        """Let the next step begin and wait."""
        self.gate.clear()
        while self.entered.acquire(blocking=False):
            pass

    def wait_inside(self) -> None:
        """Wait until a step has begun."""
        assert self.entered.acquire(timeout=60)


def flat_profile(family: Family, step_s: float) -> LatencyProfile:
    """Every call takes `step_s` alone, and a tenth more per further row."""
    curve = ((1, step_s), (11, 2 * step_s))
    return LatencyProfile("fake", {stage: {0: curve} for stage in family.stages})


def fake_pool(
    artifact: Artifact,
    model: TinyModel | None = None,
    config: EngineConfig | None = None,
    step_s: float = 0.001,
    backend: FakeBackend | None = None,
) -> tuple[EnginePool, FakeBackend, FakeClock]:
    """Return an open pool on a fake backend and clock; six steps answer a full question."""
    config = config or EngineConfig(cache_dir=Path("unused"))
    backend, clock = backend or FakeBackend(model or TinyModel()), FakeClock()
    family = Family(artifact.manifest, backend.precision)
    stages = StageSet(artifact, backend, family, config.max_batch, config.memory_budget_bytes)
    stages.load(lambda what, share: None)
    backend.calls.clear()
    opened = OpenedEngine(backend, family, stages, flat_profile(family, step_s))
    return EnginePool(artifact, config, opened, Telemetry(), clock), backend, clock
