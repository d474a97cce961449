"""The same adapters on every backend that runs here, one of them as on a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artifact.golden import relative_l2
from artifact.store import Artifact
from engine.backends.base import Backend
from engine.backends.onnxruntime import OnnxRuntimeBackend
from engine.backends.openvino import OpenVinoBackend
from engine.backends.torch.arrays import TorchArray
from engine.backends.torch.backend import TorchBackend
from engine.opening.solo import Solo
from engine.residency.adapters.shelf import AdapterShelf
from engine.residency.family import Family
from engine.residency.stages import StageSet
from models.checkpoint import Checkpoint
from tests.engine.answers.solo_answers import question_row
from tests.engine.backends.torch.test_device import StandIn
from tests.engine.residency.adapters import adaptable as made
from tests.engine.residency.adapters.asking import picture

TOKENS = [1, 5, 6, 2]
BACKENDS: dict[str, Callable[[], Backend]] = {
    "onnxruntime": OnnxRuntimeBackend,
    "openvino": lambda: OpenVinoBackend(precision="fp32"),
    "torch": lambda: TorchBackend(device="cpu"),
    "a device": StandIn,
}


@pytest.mark.parametrize("name", BACKENDS)
def test_rows_of_all_kinds_together(
    name: str, checkpoint: Checkpoint, artifact: Artifact, tmp_path: Path
) -> None:
    backend = BACKENDS[name]()
    family = Family(artifact.manifest, backend.precision)
    stages = StageSet(artifact, backend, family, 8, adapter_places=7)
    stages.load(lambda what, share: None)
    shelf = AdapterShelf(artifact, stages, 7)
    solo = Solo(family, stages.run, 8, backend.memory)
    config, adapters, rows = artifact.manifest.config, [], []
    for number, kind in enumerate(made.KINDS):
        folder = tmp_path / kind.__name__
        adapters.append(made.write_one(folder, kind(), config))
        rows.append(question_row(family, "full", picture(number), TOKENS))
        rows[-1].adapt(shelf.load(folder).place)
    rows.append(question_row(family, "full", picture(99), TOKENS))
    found = solo.logits(rows)
    executed = range(config.orders)
    for number, adapter in enumerate(adapters):
        wanted = made.model_logits(checkpoint, adapter, picture(number), TOKENS, executed)
        assert relative_l2(found[number], wanted) <= 1e-5
    plain = made.model_logits(checkpoint, None, picture(99), TOKENS, executed)
    assert relative_l2(found[-1], plain) <= 1e-5
    running = stages.adapted.running
    assert running is not None
    tables = running.tables.of("block[0]")
    assert all(isinstance(each, TorchArray) == (name == "a device") for each in tables.values())
    stages.close()
