"""One weights file that every graph points into."""

from __future__ import annotations

import numpy as np
import onnx
from safetensors.numpy import load_file

from artifact.manifest import WEIGHTS_NAME
from artifact.store import Artifact
from models.checkpoint import Checkpoint


def test_each_tensor_is_stored_once(checkpoint: Checkpoint, exported: Artifact) -> None:
    tensors = load_file(exported.path(WEIGHTS_NAME))
    seen: set[bytes] = set()
    for array in tensors.values():
        forms = {array.tobytes(), np.ascontiguousarray(array.T).tobytes()}
        assert not forms & seen
        seen |= forms
    model_bytes = sum(p.numel() * 4 for p in checkpoint.model.parameters())
    assert sum(array.nbytes for array in tensors.values()) <= 1.02 * model_bytes
    for record in exported.manifest.stages.values():
        graph = onnx.load(str(exported.path(record.file)), load_external_data=False).graph
        for initializer in graph.initializer:
            where = {entry.key: entry.value for entry in initializer.external_data}
            assert where.get("location", WEIGHTS_NAME) == WEIGHTS_NAME
            assert where or len(initializer.raw_data) <= 1024
        assert set(record.initializers) <= set(tensors)
