"""The whole measurement on a real gallery and backend, each task in its own process."""

from __future__ import annotations

from pathlib import Path

import pytest

from artifact.store import open_artifact
from loadtests.table4.galleries import ensure_galleries, flops
from loadtests.table4.presets import PassWork, Preset
from loadtests.table4.program import Table4Bench, Table4Results, run_all
from loadtests.table4.rows import speeds
from monitoring.table4 import COLUMNS
from tests.loadtests.table4.tiny_gallery import GALLERY_METHODS, write_gallery

ROUNDS = 3
TINY = Preset(
    "tiny",
    "tiny",
    {"vqa": PassWork(8, 2), "reason": PassWork(8, 2), "caption": PassWork(8, 2, words=4)},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one gallery under the name of every task's."""
    found = tmp_path_factory.mktemp("galleries")
    write_gallery(found / "all")
    for task in COLUMNS:
        (found / TINY.gallery(task)).symlink_to(found / "all")
    return found


def a_setup(folder: Path, backend: str = "onnxruntime") -> Table4Bench:
    return Table4Bench(TINY, COLUMNS, GALLERY_METHODS, folder, backend, ROUNDS, 0)


@pytest.fixture(scope="module")
def measured(folder: Path) -> Table4Results:
    told: list[str] = []
    found = run_all(a_setup(folder), lambda what, share: told.append(what))
    assert "caption: loading otmv" in told
    assert "vqa: round 3 of 3, vlpet" in told
    return found


@pytest.mark.slow
def test_every_method_is_measured_on_every_task(measured: Table4Results) -> None:
    assert measured.failed == {}
    assert [(row.task, row.method) for row in measured.rows] == [
        (task, method) for task in COLUMNS for method in GALLERY_METHODS
    ]
    assert all(len(row.times_s) == ROUNDS for row in measured.rows)
    assert all(min(row.times_s) > 0 for row in measured.rows)
    assert measured.library.startswith("onnxruntime ")
    assert set(measured.seconds) == set(COLUMNS)


@pytest.mark.slow
def test_the_ideals_are_the_manifests(measured: Table4Results, folder: Path) -> None:
    manifest = open_artifact(folder / "all", verify=False).manifest
    found = {(speed.task, speed.method): speed for speed in speeds(measured.rows)}
    for task, work in TINY.work.items():
        full, otmv = (flops(manifest, task, name, work) for name in ("full", "otmv"))
        assert found[task, "otmv"].ideal == pytest.approx(full / otmv)
        assert found[task, "vlpet"].ideal < 1 < found[task, "otmv"].ideal


@pytest.mark.slow
def test_galleries_that_are_there_are_not_exported_again(folder: Path) -> None:
    hashes = ensure_galleries(folder, TINY, COLUMNS, lambda what, share: None)
    assert set(hashes.values()) == {open_artifact(folder / "all", verify=False).hash}


@pytest.mark.slow
def test_a_method_the_gallery_lacks_is_reported(folder: Path) -> None:
    setup = Table4Bench(TINY, ["vqa"], ["full", "upop"], folder, "onnxruntime", 1, 0)
    found = run_all(setup, lambda what, share: None)
    assert "has no upop for vqa: remove the folder" in found.failed["vqa"]
