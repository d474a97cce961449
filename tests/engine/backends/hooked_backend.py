"""A real backend whose calls a test can watch and hold up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artifact.manifest import StageFile
from engine.backends.arrays import AnyArray
from engine.backends.base import Backend, LoadedStage
from tests.engine.pools.fake_backend import FakeBackend, Hook


class HookedBackend:
    """Calls a fake backend's hook before each call of the real one."""

    def __init__(self, backend: Backend, hook: FakeBackend) -> None:
        self._backend, self._hook = backend, hook
        for name in ("name", "precision", "library", "shares_workspace", "compiles_shapes"):
            setattr(self, name, getattr(backend, name))
        self.memory = backend.memory
        self.calls, self.gate = hook.calls, hook.gate

    @property
    def hook(self) -> Hook:
        return self._hook.hook

    @hook.setter
    def hook(self, hook: Hook) -> None:
        self._hook.hook = hook

    def load(self, stage: str, path: Path, spec: StageFile) -> LoadedStage:
        loaded = self._backend.load(stage, path, spec)
        run = loaded.run

        def hooked(
            inputs: Mapping[str, AnyArray], into: Mapping[str, AnyArray] | None = None
        ) -> dict[str, Any]:
            assert self.gate.wait(20)
            self._hook.hook(stage, inputs)  # type: ignore[arg-type]
            return run(inputs, into)

        loaded.run = hooked  # type: ignore[method-assign]
        return loaded
