"""The torch backend on a CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from artifact.golden import read_stage_cases, relative_l2
from artifact.store import Artifact, open_artifact
from engine.backends.arrays import Memory
from engine.backends.base import Backend
from engine.errors import LoadFailed
from engine.opening.golden import PARITY_LIMITS
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.artifacts.tiny_graphs import example_inputs
from tests.engine.artifacts.tiny_model import TRIO_MODEL, TinyModel, picture
from tests.engine.backends.backend_contract import BackendContract
from tests.engine.backends.memory_contract import MemoryContract
from tests.engine.pools.fake_backend import FakeBackend

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")

import torch

from engine.backends.torch.arrays import TorchArray, TorchMemory
from engine.backends.torch.backend import TorchBackend
from engine.backends.torch.device import CudaGraphs, DeviceRunner, Work
from tests.engine.answers.solo_answers import caption_words

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
DEMO = Path(__file__).parents[4] / "examples" / "demo-artifact"


class TestCudaMemory(MemoryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        return TorchMemory(torch.device("cuda"))


@pytest.fixture(scope="module")
def cuda() -> TorchBackend:
    return TorchBackend(device="cuda")


class TestTorchCuda(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return TorchBackend()


class TestTorchCudaFp32(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return TorchBackend(device="cuda", precision="fp32")


MAKERS: dict[str, Callable[[], TorchBackend]] = {
    "bf16": lambda: TorchBackend(device="cuda"),
    "fp32": lambda: TorchBackend(device="cuda", precision="fp32"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_demo_on_cuda(make: Callable[[], TorchBackend]) -> None:
    backend, demo = make(), open_artifact(DEMO, verify=False)
    assert demo.manifest.golden is not None
    for case in read_stage_cases(demo.path(demo.manifest.golden.stages)):
        spec = demo.manifest.stages[case.stage]
        stage = backend.load(case.stage, demo.path(spec.file), spec)
        for _ in range(2):  # captured, then replayed
            found = stage.run(case.inputs)
            for name, reference in case.outputs.items():
                assert relative_l2(found[name], reference) <= PARITY_LIMITS[backend.precision]


def test_one_graph_per_shape_serves_mixed_orders_on_cuda(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    captured, capture = list[Work](), CudaGraphs.capture

    def watched(self: CudaGraphs, work: Work) -> Work:
        captured.append(work)
        return capture(self, work)

    monkeypatch.setattr(CudaGraphs, "capture", watched)
    cuda = TorchBackend(device="cuda")
    spec = tiny.manifest.stages["block[0]"]
    stage = cuda.load("block[0]", tiny.path(spec.file), spec)
    for batch, seed in ((4, 1), (3, 2), (4, 3), (4, 4)):
        given = example_inputs(TinyModel(), "block[0]", batch, seed)
        expected = TinyModel().run("block[0]", given)["h_out"]
        h = cuda.memory.zeros(given["h"].shape, np.float32)
        out = cuda.memory.zeros(given["h"].shape, np.float32)
        h[()] = given["h"]  # type: ignore[index]
        stage.run({**given, "h": h}, {"h_out": out})
        assert isinstance(out, TorchArray)
        assert relative_l2(out.read(), expected) <= PARITY_LIMITS[cuda.precision]
    assert isinstance(stage.runner, DeviceRunner)
    assert len(captured) == 2


def test_captions_on_cuda_are_the_same_as_on_the_host(cuda: TorchBackend, trio: Artifact) -> None:
    backend = TorchBackend(device="cuda", precision="fp32")
    family = Family(trio.manifest, "fp32")
    stages = StageSet(trio, backend, family, max_batch=4)
    stages.load(lambda what, share: None)
    assert stages.bytes_of("block[0]") > 0
    solo = Solo(family, stages.run, 4, backend.memory)
    host = Solo(family, FakeBackend(TRIO_MODEL).call, 4)
    pixels = [picture(seed) for seed in range(5)]
    assert caption_words(solo, "d3", pixels, beams=2) == caption_words(host, "d3", pixels, beams=2)


def test_too_much_for_the_device_is_one_line(cuda: TorchBackend) -> None:
    with pytest.raises(LoadFailed, match=r"^an array of [^\n]*out of memory[^\n]*$"):
        cuda.memory.zeros((1 << 44,), np.float32)
