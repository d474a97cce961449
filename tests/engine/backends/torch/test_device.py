"""Stages in a device's memory; here the processor stands in for the device."""

from __future__ import annotations

import threading
from functools import partial

import numpy as np
import pytest

from artifact.golden import relative_l2
from artifact.store import Artifact
from engine.backends.arrays import AnyArray, DeviceArray, Memory
from engine.backends.base import Backend
from engine.backends.stage_memory import stays_in_memory
from engine.errors import InferenceFailed, LoadFailed
from engine.opening.solo import Solo
from engine.residency.family import Family
from tests.engine.artifacts.tiny_graphs import example_inputs
from tests.engine.artifacts.tiny_model import Array, TinyModel
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.backend_contract import BackendContract
from tests.engine.backends.hooked_backend import HookedBackend
from tests.engine.backends.memory_contract import MemoryContract
from tests.engine.pools.fake_backend import FakeBackend
from tests.engine.pools.random_traffic import RandomTraffic, check_alone

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")

import torch

from engine.backends.torch.arrays import TorchArray, TorchMemory
from engine.backends.torch.backend import TorchBackend
from engine.backends.torch.device import Buffers, DeviceRunner, Work

CPU = torch.device("cpu")


class StandIn(TorchBackend):
    """A device's whole way of running, on the processor: only the capture is left out."""

    def __init__(self) -> None:
        super().__init__(device="cpu")
        self.memory = TorchMemory(CPU)
        self.compiles_shapes = self.shares_workspace = True
        self.captured: list[Work] = []
        self._runner = partial(DeviceRunner, buffers=Buffers(CPU), capture=self._capture)

    def _capture(self, work: Work) -> Work:
        work()  # the values it leaves in its tensors must not matter
        self.captured.append(work)
        return work


class TestTorchStandIn(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return StandIn()


def array(numbers: Array) -> TorchArray:
    made = TorchMemory(CPU).zeros(numbers.shape, numbers.dtype)
    made[()] = numbers
    return made


class TestTorchMemory(MemoryContract):
    @pytest.fixture(scope="class")
    @classmethod
    def memory(cls) -> Memory:
        return TorchMemory(CPU)


def test_too_large_an_array_is_refused_in_one_line() -> None:
    with pytest.raises(LoadFailed, match=r"^an array of [^\n]*OTMV_MAX_BATCH[^\n]*$"):
        TorchMemory(CPU).zeros((1 << 60,), np.float32)


def test_stages_pass_device_arrays_on(tiny: Artifact) -> None:
    backend, model = StandIn(), TinyModel()
    spec = tiny.manifest.stages["block[0]"]
    stage = backend.load("block[0]", tiny.path(spec.file), spec)
    given = example_inputs(model, "block[0]", 3, seed=1)
    h = [array(given["h"]), array(np.zeros_like(given["h"]))]
    expected = given
    for _ in range(4):  # from one array to the other and back, as in slots
        expected = {**given, "h": model.run("block[0]", expected)["h_out"]}
        found = stage.run({**given, "h": h[0]}, {"h_out": h[1]})
        assert found["h_out"] is h[1]
        assert isinstance(found["r"], np.ndarray)
        h.reverse()
        assert relative_l2(h[0].read(), expected["h"]) <= 1e-5


def test_a_device_array_that_does_not_fit_is_one_line(tiny: Artifact) -> None:
    spec = tiny.manifest.stages["block[0]"]
    stage = StandIn().load("block[0]", tiny.path(spec.file), spec)
    given = example_inputs(TinyModel(), "block[0]", 3, seed=1)
    h = array(given["h"])
    for into in (h, h[:, 1:], array(given["h"][:2])):
        with pytest.raises(InferenceFailed, match=r"^block\[0\]: [^\n]+$"):
            stage.run({**given, "h": h}, {"h_out": into})


def test_each_shape_is_prepared_once_and_serves_all_orders(tiny: Artifact) -> None:
    backend = StandIn()
    spec = tiny.manifest.stages["block[0]"]
    stage = backend.load("block[0]", tiny.path(spec.file), spec)
    for batch, seed in ((2, 1), (3, 2), (2, 3), (2, 4), (3, 5)):
        given = example_inputs(TinyModel(), "block[0]", batch, seed)
        found, expected = stage.run(given), TinyModel().run("block[0]", given)
        for name, numbers in expected.items():
            assert relative_l2(found[name], numbers) <= 1e-5
    assert len(backend.captured) == 2


def test_stages_share_the_places_of_their_inputs_and_outputs(tiny: Artifact) -> None:
    backend, buffers = StandIn(), Buffers(CPU)
    first, kept = buffers.fixed("h", torch.float32, (3, 9, 4))
    again, _ = buffers.fixed("h", torch.float32, (4, 9, 4))
    other, _ = buffers.fixed("h", torch.float32, (5, 9, 4))
    assert first.data_ptr() == again.data_ptr() == kept.data_ptr()
    assert other.data_ptr() != first.data_ptr()
    assert buffers.fixed("r", torch.float32, (3, 9, 4))[0].data_ptr() != first.data_ptr()
    for key in (0, 1):  # and stages that take turns do not disturb each other
        name = f"block[{key}]"
        spec = tiny.manifest.stages[name]
        stage = backend.load(name, tiny.path(spec.file), spec)
        given = example_inputs(TinyModel(), name, 2, seed=key)
        expected = TinyModel().run(name, given)["h_out"]
        for _ in range(2):
            assert relative_l2(stage.run(given)["h_out"], expected) <= 1e-5


def test_stages_loaded_on_another_thread_do_not_disturb(tiny: Artifact) -> None:
    """A larger memory budget loads and warms stages while the engine's thread runs others."""
    backend, failed = StandIn(), list[Exception]()
    spec = tiny.manifest.stages["block[0]"]

    def load_and_warm(stage: str) -> None:
        try:
            for _ in range(3):
                other = tiny.manifest.stages[stage]
                loaded = backend.load(stage, tiny.path(other.file), other)
                for batch in (1, 3, 4):
                    loaded.run(example_inputs(TinyModel(), stage, batch, seed=batch))
        except Exception as error:
            failed.append(error)

    first = backend.load("block[0]", tiny.path(spec.file), spec)
    thread = threading.Thread(target=load_and_warm, args=("block[1]",))
    thread.start()
    runs = 0
    while thread.is_alive() or runs < 20:
        given = example_inputs(TinyModel(), "block[0]", 3, seed=runs)
        found = first.run(given)["h_out"]
        assert relative_l2(found, TinyModel().run("block[0]", given)["h_out"]) <= 1e-5
        runs += 1
    thread.join()
    assert not failed


@pytest.mark.parametrize("whole", [False, True])
def test_the_engine_answers_on_it_as_on_the_host(
    trio: Artifact, gallery: Artifact, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    crossed: set[str] = set()
    send = DeviceRunner._send

    def watched(self: DeviceRunner, target: torch.Tensor, name: str, given: AnyArray) -> None:
        if not isinstance(given, DeviceArray):
            crossed.add(name)
        send(self, target, name, given)

    monkeypatch.setattr(DeviceRunner, "_send", watched)
    artifact = gallery if whole else trio
    backend = HookedBackend(StandIn(), FakeBackend(WHOLE))  # type: ignore[arg-type]
    answered = RandomTraffic(artifact, backend, seed=int(whole), faults=whole).run()  # type: ignore[arg-type]
    assert len(answered) >= 10
    alone = Solo(Family(artifact.manifest, "fp32"), FakeBackend(WHOLE).call, max_batch=3)
    for made, answer in answered:
        check_alone(artifact, made, answer, alone)
    assert {"pixels", "mask", "tokens"} <= crossed
    assert not any(stays_in_memory(name) for name in crossed)
