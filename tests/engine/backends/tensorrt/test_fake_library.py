"""The stand-ins offer nothing that the real libraries do not, so the adapter calls nothing else."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from tests.engine.artifacts.whole_model import WHOLE
from tests.engine.backends.cuda.fake_runtime import FakeCuda
from tests.engine.backends.tensorrt.fake_library import (
    Context,
    DataType,
    Engine,
    FakeTensorRt,
    RuntimeConfig,
)

SNAPSHOTS = sorted((Path(__file__).parents[3] / "exporters/tensorrt/api").glob("*.json"))
"""What the bindings of TensorRT 10 and 11 offer."""

RTX_ONLY = {"is_stream_capturable", "create_runtime_config"}
"""Called only where they exist."""


def named(of: type) -> set[str]:
    """Public methods, without the stand-in's own."""
    return {name for name, value in vars(of).items() if callable(value) and name[0] != "_"}


ENGINE = named(Engine) | {"num_io_tensors", "create_runtime_config"}


def test_of_the_cuda_binding() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    calls = {name: call for name, call in vars(FakeCuda).items() if name.startswith("cuda")}
    assert len(calls) > 20
    for name, call in calls.items():
        documented = (getattr(runtime, name).__doc__ or "").partition("\n")[0]
        if inspect.isfunction(call) and "2D" not in name:
            inside = documented.partition("(")[2].rpartition(")")[0]
            count = len(inside.split(",")) if inside else 0
            assert count == len(inspect.signature(call).parameters) - 1, documented


def test_of_tensorrt_for_rtx() -> None:
    trt = pytest.importorskip("tensorrt_rtx", reason="tensorrt-rtx is not installed")
    assert named(Context) <= set(dir(trt.IExecutionContext))
    assert set(dir(trt.ICudaEngine)) >= ENGINE
    assert {*named(RuntimeConfig), "dynamic_shapes_kernel_specialization_strategy"} <= set(
        dir(trt.IRuntimeConfig)
    )
    assert {kind.name for kind in DataType} <= trt.DataType.__members__.keys()
    module = {name for name in vars(FakeTensorRt(FakeCuda(), WHOLE)) if name[0].isupper()}
    assert len(module) == 4
    assert module <= set(dir(trt))
    assert "USER_MANAGED" in trt.ExecutionContextAllocationStrategy.__members__
    assert "EAGER" in trt.DynamicShapesKernelSpecializationStrategy.__members__


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_of_tensorrt(path: Path) -> None:
    offered = json.loads(path.read_text())
    classes, enums = offered["classes"], offered["enums"]
    assert named(Context) - RTX_ONLY <= classes["IExecutionContext"].keys()
    assert classes["ICudaEngine"].keys() >= ENGINE - RTX_ONLY
    assert "deserialize_cuda_engine" in classes["Runtime"]
    assert {kind.name for kind in DataType} <= set(enums["DataType"])
