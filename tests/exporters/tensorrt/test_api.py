"""What the adapter calls exists, with the same signature, in TensorRT 10, 11 and for RTX.

TensorRT 10 and 11 cannot run here; their bindings can be imported (`api/snapshot.py`), and what
they offer is written down in `api/*.json`. The calls are those of a real build with TensorRT for
RTX.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from exporters.tensorrt import library as adapter
from exporters.tensorrt.errors import GraphRefused
from exporters.tensorrt.library import BuildJob, PlanBuilder
from tests.exporters.tensorrt.api.snapshot import surface
from tests.exporters.tensorrt.attribute_spy import Spy
from tests.exporters.tensorrt.small_graphs import INPUTS, PROFILES, write_small_graph

SNAPSHOTS = sorted((Path(__file__).parent / "api").glob("*.json"))
AHEAD_OF_TIME = {
    ("module", "ComputeCapability"),
    ("IBuilderConfig", "num_compute_capabilities"),
    ("IBuilderConfig", "set_compute_capability"),
}
"""Used only where the library has `ComputeCapability`: TensorRT for RTX."""


@pytest.fixture(scope="module")
def module() -> Any:
    return pytest.importorskip("tensorrt_rtx", reason="no wheel of tensorrt-rtx for this platform")


@pytest.fixture(scope="module")
def used(module: Any, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Every (class, attribute) that three builds used: as either library, and one refused."""
    found: set[tuple[str, str]] = set()
    spy = Spy(module, found)
    ahead = PlanBuilder("tensorrt-rtx", spy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapter, "device_arch", lambda: "sm_89")
        on_gpu = PlanBuilder("tensorrt", spy)
    path = write_small_graph(tmp_path_factory.mktemp("graph"), ["MatMul"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # RTX says that timing does nothing
        for library in (ahead, on_gpu):
            library.build(BuildJob("head[vqa]", path, INPUTS, PROFILES, "sm_89", 1 << 28))
    path = write_small_graph(tmp_path_factory.mktemp("graph"), ["Frobnicate"])
    with pytest.raises(GraphRefused):
        ahead.build(BuildJob("head[vqa]", path, INPUTS, PROFILES, "sm_89", 1 << 28))
    return found


def test_the_spy_saw_the_build(used: set[tuple[str, str]]) -> None:
    assert {
        ("Builder", "build_serialized_network"),
        ("OnnxParser", "parse_from_file"),
        ("IOptimizationProfile", "set_shape"),
        ("IBuilderConfig", "set_compute_capability"),
        ("ParserError", "desc"),
        ("IBuilderConfig", "set_timing_cache"),
        ("ITimingCache", "serialize"),
    } <= used


def test_snapshots_are_of_both_versions() -> None:
    versions = [json.loads(path.read_text())["version"] for path in SNAPSHOTS]
    assert {version.split(".")[0] for version in versions} == {"10", "11"}


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_every_call_exists_with_the_same_signature(
    module: Any, used: set[tuple[str, str]], path: Path
) -> None:
    offered, here = json.loads(path.read_text()), surface(module)
    for kind, name in sorted(used - AHEAD_OF_TIME):
        if kind == "module":
            assert name in {*offered["classes"], *offered["enums"], "__version__"}, name
            continue
        assert name in offered["classes"][kind], (kind, name)
        assert offered["classes"][kind][name] == here["classes"][kind][name], (kind, name)
    for kind, members in (
        ("MemoryPoolType", {"WORKSPACE"}),
        ("BuilderFlag", {"TF32"}),
    ):
        assert members <= set(offered["enums"][kind]), kind


@pytest.mark.parametrize("path", SNAPSHOTS, ids=lambda path: path.stem)
def test_networks_are_strongly_typed_in_every_version(path: Path) -> None:
    """By the flag, or because the library knows nothing else."""
    offered = json.loads(path.read_text())
    flags = set(offered["enums"]["NetworkDefinitionCreationFlag"])
    weak = {"FP16", "BF16", "INT8"} & set(offered["enums"]["BuilderFlag"])
    assert "STRONGLY_TYPED" in flags or not weak
