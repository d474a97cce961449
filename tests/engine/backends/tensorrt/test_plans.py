"""Plans the TensorRT backend can and cannot use: each refusal is one line with the command."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from artifact.plan import PlanTarget, plan_path
from artifact.store import Artifact
from engine.backends.registry import installed_backends
from engine.backends.tensorrt import detect
from engine.backends.tensorrt.backend import TensorRtBackend
from engine.backends.tensorrt.detect import StartedLibrary
from engine.config import EngineConfig
from engine.errors import LoadFailed
from engine.opening.trial import try_backend
from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.cuda.fake_values import cudaError_t
from tests.engine.backends.tensorrt.backend_on_fakes import READY, BackendOnFakes
from tests.engine.backends.tensorrt.fake_library import FakeTensorRt
from tests.engine.backends.tensorrt.fake_plans import TARGET, write_plans


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory, tiny: Artifact) -> Path:
    folder = tmp_path_factory.mktemp("plans")
    write_plans(folder, tiny)
    return folder


def test_no_plans_is_one_line_with_the_command(tiny: Artifact, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed, match=r"no plan of tiny here \(otmv build .* --precision fp16"):
        BackendOnFakes(tiny, tmp_path)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (TARGET.model_copy(update={"arch": "sm_75"}), "plan for sm_75, this GPU is sm_89"),
        (TARGET.model_copy(update={"version": "1.6.0"}), "built by tensorrt-rtx 1.6.0, this is"),
        (TARGET.model_copy(update={"library": "tensorrt"}), "no plan of tiny here"),
    ],
)
def test_plans_for_something_else_are_named(
    tiny: Artifact, tmp_path: Path, target: PlanTarget, said: str
) -> None:
    write_plans(tmp_path, tiny, target)
    with pytest.raises(LoadFailed, match=f"{said}.*otmv build") as caught:
        BackendOnFakes(tiny, tmp_path)
    assert "\n" not in str(caught.value)


def test_the_narrowest_precision_there_are_plans_of_is_used(tiny: Artifact, tmp_path: Path) -> None:
    write_plans(tmp_path, tiny)
    assert BackendOnFakes(tiny, tmp_path).backend.precision == "fp32"
    write_plans(tmp_path, tiny, TARGET.model_copy(update={"precision": "bf16"}))
    assert BackendOnFakes(tiny, tmp_path).backend.precision == "bf16"
    write_plans(tmp_path, tiny, TARGET.model_copy(update={"precision": "fp16"}))
    backend = BackendOnFakes(tiny, tmp_path).backend
    assert backend.precision == "fp16"
    assert backend.library == "tensorrt-rtx 1.7.1.116 Imagined GPU sm_89 fp16"


def test_a_portable_plan_runs_on_a_newer_gpu(tiny: Artifact, tmp_path: Path) -> None:
    write_plans(tmp_path, tiny, TARGET.model_copy(update={"arch": "portable"}))
    assert BackendOnFakes(tiny, tmp_path).load("head[vqa]")


def damaged(kind: str, path: Path) -> None:
    data = path.read_bytes()
    if kind == "truncated":
        path.write_bytes(data[:-1])
    elif kind == "changed":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    else:
        path.unlink()


@pytest.mark.parametrize("kind", ["truncated", "changed", "gone"])
def test_a_damaged_plan_is_one_line_with_the_command(
    tiny: Artifact, tmp_path: Path, kind: str
) -> None:
    write_plans(tmp_path, tiny)
    on_fakes = BackendOnFakes(tiny, tmp_path)
    damaged(kind, plan_path(tmp_path, tiny, "block[0]", TARGET))
    with pytest.raises(LoadFailed, match=r"block\[0\].*\(otmv build") as caught:
        on_fakes.load("block[0]")
    assert "\n" not in str(caught.value)


def test_a_plan_the_library_refuses_is_its_own_words(tiny: Artifact, cache_dir: Path) -> None:
    on_fakes = BackendOnFakes(tiny, cache_dir)
    on_fakes.trt.refuses["deserialize"] = "version tag does not match"
    with pytest.raises(LoadFailed, match=r"version tag does not match.*otmv build"):
        on_fakes.load("block[0]")


def test_an_engine_that_is_not_its_record_is_refused(tiny: Artifact, tmp_path: Path) -> None:
    write_plans(tmp_path, tiny, dtypes={"order": "int32"})
    kept = plan_path(tmp_path, tiny, "block[0]", TARGET).read_bytes()
    write_plans(
        tmp_path,
        tiny,
        sha256=hashlib.sha256(kept).hexdigest(),
        size_bytes=len(kept),
    )
    plan_path(tmp_path, tiny, "block[0]", TARGET).write_bytes(kept)
    with pytest.raises(LoadFailed, match="its record says otherwise"):
        BackendOnFakes(tiny, tmp_path).load("block[0]")


def test_a_driver_too_old_is_one_line(tiny: Artifact, cache_dir: Path) -> None:
    cuda = FakeCuda()
    cuda.broken["cudaSetDevice"] = cudaError_t.cudaErrorInsufficientDriver
    with pytest.raises(LoadFailed, match="NVIDIA driver"):
        TensorRtBackend(READY, tiny, cache_dir, FakeTensorRt(cuda, WHOLE), cuda)


def test_it_is_not_taken_for_another_library(tiny: Artifact, cache_dir: Path) -> None:
    other: StartedLibrary = dataclasses.replace(READY, module="tensorrt", version="11.4.0")
    with pytest.raises(LoadFailed, match="--library tensorrt "):
        TensorRtBackend(other, tiny, cache_dir, None, FakeCuda())


def test_auto_names_what_it_lacks_and_goes_on(
    tiny: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ready library without plans is a trial that failed."""
    monkeypatch.setattr(detect, "find_tensorrt", lambda: READY)
    assert "tensorrt" in installed_backends()
    trial = try_backend(tiny, EngineConfig(backend="tensorrt", cache_dir=tmp_path))
    assert trial.error is not None
    assert "no plan of tiny here (otmv build" in trial.error
