"""The adapter against the real library: what it reads, refuses and builds, without a GPU."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from engine.backends.cuda.driver import device_arch
from exporters.tensorrt import library as adapter
from exporters.tensorrt.errors import (
    ArchUnsupported,
    DriverMissing,
    GraphRefused,
    LibraryMissing,
)
from exporters.tensorrt.library import BuildJob, PlanBuilder, open_library
from tests.exporters.tensorrt.small_graphs import INPUTS, PROFILES, write_small_graph


def job(path: Path, arch: str = "sm_89") -> BuildJob:
    return BuildJob("block[0]", path, INPUTS, PROFILES, arch, 1 << 28)


def test_a_graph_becomes_a_plan(rtx: PlanBuilder, tmp_path: Path) -> None:
    path = write_small_graph(tmp_path, ["MatMul", "Softmax"])
    plans = [rtx.build(job(path, arch)).plan for arch in ("sm_89", "sm_120", "portable")]
    assert all(len(plan) > 1000 for plan in plans)
    assert len(set(plans)) == 3


def test_an_operation_it_does_not_know_is_named(rtx: PlanBuilder, tmp_path: Path) -> None:
    path = write_small_graph(tmp_path, ["MatMul", "Frobnicate"])
    with pytest.raises(GraphRefused, match=r"block.*Frobnicate node1") as caught:
        rtx.build(job(path))
    assert len(caught.value.nodes) == 1
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_graph_is_refused(rtx: PlanBuilder, tmp_path: Path) -> None:
    (tmp_path / "g.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(GraphRefused):
        rtx.build(job(tmp_path / "g.onnx"))


def test_archs_are_the_librarys_own(rtx: PlanBuilder, tmp_path: Path) -> None:
    assert {"portable", "sm_75", "sm_86", "sm_89", "sm_120"} <= set(rtx.archs)
    with pytest.raises(ArchUnsupported, match=r"sm_20.*use --arch portable or sm_75"):
        rtx.build(job(write_small_graph(tmp_path, ["MatMul"]), "sm_20"))


def test_a_library_that_is_not_there_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "_MODULES", {"tensorrt-rtx": "no_such_module"})
    with pytest.raises(LibraryMissing, match=r"not installed \(.*pip install .*\[tensorrt-"):
        open_library("tensorrt-rtx")
    assert "tensorrt-rtx" in str(LibraryMissing.both())


def test_a_library_whose_own_files_are_missing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an installed `tensorrt` does whose shared libraries never came."""
    (tmp_path / "tensorrt").mkdir()
    (tmp_path / "tensorrt" / "__init__.py").write_text(
        "raise ImportError('libnvinfer.so.11: cannot open shared object file')"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LibraryMissing, match="cannot be imported: libnvinfer"):
        open_library("tensorrt")


def test_a_package_without_a_builder_is_a_placeholder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorrt").mkdir()
    (tmp_path / "tensorrt" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "tensorrt", ModuleType("tensorrt"))  # undone, it is not there
    monkeypatch.delitem(sys.modules, "tensorrt")
    with pytest.raises(LibraryMissing, match="holds no builder"):
        open_library("tensorrt")


@pytest.mark.skipif(device_arch() is not None, reason="there is a GPU here")
def test_tensorrt_without_a_gpu_is_not_even_asked() -> None:
    module = ModuleType("tensorrt")
    module.__version__ = "11.4.0"  # type: ignore[attr-defined]
    with pytest.raises(DriverMissing, match=r"no NVIDIA driver or no GPU here.*tensorrt-rtx"):
        PlanBuilder("tensorrt", module)
