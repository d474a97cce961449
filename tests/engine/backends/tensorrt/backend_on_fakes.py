"""A TensorRT backend on stand-ins for the library and the device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from artifact.store import Artifact
from engine.backends.base import LoadedStage
from engine.backends.stage_memory import moved_inputs, places_for_outputs
from engine.backends.tensorrt.backend import TensorRtBackend
from engine.backends.tensorrt.detect import StartedLibrary
from tests.engine.artifacts.tiny_gallery import inputs_of
from tests.engine.artifacts.tiny_model import TinyModel
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.tensorrt.fake_library import FakeTensorRt

Named = dict[str, Any]
READY = StartedLibrary("tensorrt_rtx", "1.7.1.116", "Imagined GPU", "sm_89", "13.0", "13.0")


class BackendOnFakes:
    """A backend on stand-ins: `cuda` and `trt` can be watched and broken."""

    def __init__(
        self, artifact: Artifact, cache_dir: Path, model: TinyModel = WHOLE, rtx: bool = True
    ) -> None:
        self.artifact, self.cache_dir = artifact, cache_dir
        self.cuda = FakeCuda()
        self.trt = FakeTensorRt(self.cuda, model, rtx)
        self.backend = TensorRtBackend(READY, artifact, cache_dir, self.trt, self.cuda)

    def load(self, stage: str = "block[0]") -> LoadedStage:
        spec = self.artifact.manifest.stages[stage]
        return self.backend.load(stage, self.artifact.path(spec.file), spec)

    def kept_call(self, stage: str, batch: int, seed: int) -> tuple[Named, Named]:
        """Return inputs, and arrays for outputs, as the engine gives them."""
        manifest, memory = self.artifact.manifest, self.backend.memory
        inputs = moved_inputs(memory, inputs_of(stage, batch, seed))
        return inputs, places_for_outputs(manifest, memory, stage, inputs)
