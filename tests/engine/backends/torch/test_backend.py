"""The torch backend on the processor: the contract, the demo's golden cases, weights, errors."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from artifact.golden import read_stage_cases, relative_l2
from artifact.stage import StageName
from artifact.store import Artifact, open_artifact
from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.errors import InferenceFailed, LoadFailed
from engine.opening.golden import PARITY_LIMITS
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_graphs import example_inputs
from tests.engine.artifacts.tiny_model import TinyModel
from tests.engine.backends.backend_contract import BackendContract

pytest.importorskip("torch", reason="pip install otmv-serve[torch]")

from engine.backends.torch.backend import TorchBackend, TorchStage

DEMO = Path(__file__).parents[4] / "examples" / "demo-artifact"


class TestTorch(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return TorchBackend(device="cpu")


class TestTorchBf16(BackendContract):
    """The processor stands in for a device here: the same graphs, products in bf16."""

    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return TorchBackend(device="cpu", precision="bf16")


@pytest.fixture(scope="module")
def demo() -> Artifact:
    return open_artifact(DEMO, verify=False)


@pytest.fixture(scope="module")
def backend() -> TorchBackend:
    return TorchBackend(device="cpu")


def load(backend: TorchBackend, artifact: Artifact, stage: str) -> TorchStage:
    spec = artifact.manifest.stages[stage]
    return backend.load(stage, artifact.path(spec.file), spec)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_demos_stages_pass_its_golden_cases(demo: Artifact, precision: str) -> None:
    backend = TorchBackend(device="cpu", precision=precision)  # type: ignore[arg-type]
    assert demo.manifest.golden is not None
    cases = read_stage_cases(demo.path(demo.manifest.golden.stages))
    worst = {}
    for case in cases:
        found = load(backend, demo, case.stage).run(case.inputs)
        for name, reference in case.outputs.items():
            assert found[name].dtype == np.float32
            worst[case.stage, name] = relative_l2(found[name], reference)
    assert {stage for stage, _ in worst} == {
        stage for stage in demo.manifest.stages if not StageName(stage).is_whole
    }
    assert max(worst.values()) <= PARITY_LIMITS[backend.precision]
    assert precision == "fp32" or max(worst.values()) > PARITY_LIMITS["fp32"]  # it did narrow


def test_a_whole_graph_answers_as_on_onnx_runtime(demo: Artifact, backend: TorchBackend) -> None:
    stage = "whole[vqa:d3]"
    side, image = demo.manifest.config.image_size, demo.manifest.config.image_tokens
    rng = np.random.default_rng(0)
    inputs = {
        "pixels": rng.integers(0, 256, (3, side, side, 3), np.uint8),
        "tokens": rng.integers(0, 70, (3, 9)),
        "mask": np.arange(image + 9) < np.array([[image + 9], [image + 4], [image + 6]]),
    }
    spec = demo.manifest.stages[stage]
    other = open_backend("onnxruntime").load(stage, demo.path(spec.file), spec)
    found = load(backend, demo, stage).run(inputs)["logits"]
    assert relative_l2(found, other.run(inputs)["logits"]) <= 1e-5


def test_every_operator_of_the_demos_graphs_is_translated(
    demo: Artifact, backend: TorchBackend
) -> None:
    for stage in demo.manifest.stages:
        load(backend, demo, stage)


def pointers(stage: TorchStage) -> dict[int, int]:
    return {buffer.data_ptr(): buffer.nbytes for buffer in stage.module.buffers()}


def test_stages_share_their_weights(demo: Artifact, backend: TorchBackend) -> None:
    block, image, whole = (
        load(backend, demo, stage) for stage in ("block[0]", "block_image[0]", "whole[vqa:full]")
    )
    key_bytes = sum(size for size in pointers(image).values() if size > 1024)
    for other in (block, whole):
        common = pointers(image).keys() & pointers(other).keys()
        assert sum(pointers(image)[pointer] for pointer in common) > 0.5 * key_bytes
    sizes = demo.tensor_bytes()
    used = demo.manifest.stages["whole[vqa:full]"].initializers
    held = sum(size for size in pointers(whole).values() if size > 1024)
    assert held <= sum(sizes[name] for name in used)


def test_weights_go_with_the_last_stage_that_uses_them(tmp_path: Path) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    backend = TorchBackend(device="cpu")
    gc.disable()  # released when dropped, not some time later
    try:
        stages = [load(backend, artifact, stage) for stage in ("block[0]", "block_image[0]")]
        kept = len(backend.weights)
        assert kept > 0
        stages.pop()
        assert len(backend.weights) == kept
        stages.pop()
        assert len(backend.weights) == 0
    finally:
        gc.enable()


def test_another_file_of_the_same_name_is_another_weight(tmp_path: Path) -> None:
    backend, y = TorchBackend(device="cpu"), np.ones((1, 2, 4), np.float32)
    one = write_tiny(tmp_path / "one", TinyModel())
    first = load(backend, one, "head[vqa]")
    before = first.run({"y": y})["logits"]
    other = write_tiny(tmp_path / "other", TinyModel(seed=5))
    (tmp_path / "one").rename(tmp_path / "gone")
    (tmp_path / "other").rename(tmp_path / "one")
    again = load(backend, one, "head[vqa]").run({"y": y})["logits"]
    assert other.hash != one.hash
    assert relative_l2(again, before) > 0.01
    np.testing.assert_array_equal(first.run({"y": y})["logits"], before)


def test_outputs_share_no_memory(demo: Artifact, backend: TorchBackend) -> None:
    stage = load(backend, demo, "block_decode[0]")
    assert demo.manifest.golden is not None
    cases = read_stage_cases(demo.path(demo.manifest.golden.stages))
    case = next(case for case in cases if case.stage == "block_decode[0]")
    found = stage.run(case.inputs)
    arrays = list(found.values())
    for number, array in enumerate(arrays):
        assert array.flags.c_contiguous
        assert not any(np.shares_memory(array, other) for other in arrays[:number])
        assert not any(np.shares_memory(array, given) for given in case.inputs.values())


WRONG: dict[str, Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]] = {
    "dtype": lambda given: given | {"h": given["h"].astype(np.float64)},
    "rank": lambda given: given | {"h": given["h"][0]},
    "fixed size": lambda given: given | {"h": given["h"][..., :1]},
    "rows that differ": lambda given: given | {"order": given["order"][:1]},
    "tokens that differ": lambda given: given | {"mask": given["mask"][:, :-1]},
    "one too many": lambda given: given | {"y": given["h"]},
    "an order that is not there": lambda given: given | {"order": given["order"] + 99},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_inputs_that_do_not_fit_are_one_line(
    tiny: Artifact,
    backend: TorchBackend,
    change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    stage = load(backend, tiny, "block[0]")
    given = example_inputs(TinyModel(), "block[0]", 2, seed=1)
    with pytest.raises(InferenceFailed, match=r"^block\[0\]: [^\n]+$"):
        stage.run(change(given))
    assert capfd.readouterr() == ("", "")
    stage.run(given)


def test_read_only_and_turned_inputs_are_read(tiny: Artifact, backend: TorchBackend) -> None:
    stage = load(backend, tiny, "head[vqa]")
    y = example_inputs(TinyModel(), "head[vqa]", 2, seed=1)["y"]
    for given in (np.broadcast_to(y[:1], y.shape), y[::-1], np.moveaxis(y.copy("F"), 0, 0)):
        expected = stage.run({"y": np.array(given, order="C")})["logits"]
        np.testing.assert_array_equal(stage.run({"y": given})["logits"], expected)


def test_weights_outside_the_artifact_are_refused(tmp_path: Path, backend: TorchBackend) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    spec = artifact.manifest.stages["head[vqa]"]
    path = artifact.path(spec.file)
    moved = path.read_bytes().replace(b"weights.safetensors", b"../ghts.safetensors")
    path.write_bytes(moved)  # as many bytes
    with pytest.raises(LoadFailed, match=r"head\[vqa\].*outside the artifact"):
        backend.load("head[vqa]", path, spec)


def test_a_weights_file_cut_short_is_refused(tmp_path: Path, backend: TorchBackend) -> None:
    artifact = write_tiny(tmp_path / "tiny", TinyModel())
    os.truncate(artifact.root / "weights.safetensors", 100)
    with pytest.raises(LoadFailed, match=r"head\[vqa\].*export"):
        load(backend, artifact, "head[vqa]")
