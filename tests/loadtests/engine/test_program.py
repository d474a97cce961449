from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.engine import program
from loadtests.engine.comparisons import BY_NAME, COMPARISONS
from loadtests.engine.program import run_all
from loadtests.engine.setup import EngineBench

ROOT = Path(__file__).parents[3]


DEMO = ROOT / "examples/demo-artifact"


def silent(what: str, share: float) -> None:
    pass


def a_setup(folder: Path, pairs: int = 1) -> EngineBench:
    return EngineBench(folder, DEMO, "onnxruntime", pairs, 0)


@pytest.mark.slow
@pytest.mark.e2e
def test_a_comparison_runs_in_its_own_process_and_has_both_sides(tmp_path: Path) -> None:
    (tmp_path / "base1").symlink_to(DEMO)
    reported: list[str] = []
    setup = a_setup(tmp_path, pairs=2)
    found = run_all(
        [BY_NAME["variant"]], ["onnxruntime"], setup, lambda what, share: reported.append(what)
    )
    assert found.failures == []
    (bar,) = found.bars
    assert bar.name == "engine.variant-change.onnxruntime.ms"
    assert min(bar.evidence["ours"]["values"]) > 0 < min(bar.evidence["theirs"]["values"])
    assert bar.evidence["rival_reload"]["quartiles"][1] > 0
    assert any("pair 6 of 6" in what for what in reported)
    assert list(found.seconds) == ["variant onnxruntime"]


def test_a_comparison_that_fails_is_reported_and_does_not_stop_the_others(tmp_path: Path) -> None:
    found = run_all(
        [BY_NAME["variant"], BY_NAME["http-idle"]],
        ["onnxruntime"],
        EngineBench(tmp_path, tmp_path, "", 1, 0),
        silent,
    )
    assert [bar.verdict for bar in found.bars] == ["not-run", "not-run"]
    assert len(found.failures) == 2
    assert "manifest.json" in found.failures[0]
    assert "--demo" in found.failures[1]


def test_a_backend_that_is_not_installed_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "installed_backends", lambda: {"onnxruntime": "1"})
    monkeypatch.setattr(program, "suits_machine", lambda name: name in ("onnxruntime", "openvino"))
    monkeypatch.setattr(program, "_run_apart", lambda task, setup, report: ([], None))
    found = run_all(COMPARISONS, ["onnxruntime"], a_setup(Path()), silent)
    assert [bar.name for bar in found.bars] == [
        f"engine.{each.name}.openvino" for each in COMPARISONS if not each.backends
    ]
    assert {bar.verdict for bar in found.bars} == {"not-run"}
