from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from artifact.errors import how_to_install
from cli.commands.artifacts.build import app
from exporters.tensorrt import library
from tests.engine.artifacts.tiny_artifact import write_tiny


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "160"})
    return result.exit_code, result.output


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny").root


def test_plans_are_listed_with_their_outcome(tiny: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx", reason="no wheel of tensorrt-rtx for this platform")
    ask = (tiny, "--library", "tensorrt-rtx", "--arch", "sm_89", "--cache", tmp_path / "cache")
    code, text = run(*ask, "--stages", "head[vqa], block[0]")
    assert code == 0, text
    assert text.count("built") == 2
    assert {path.name for path in (tmp_path / "cache").rglob("*.plan")} == {
        "block_0.plan",
        "head_vqa.plan",
    }
    code, text = run(*ask, "--stages", "head[vqa]")
    assert (code, text.count("kept"), text.count("built")) == (0, 1, 0)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--arch", "sm_20"), "cannot build for sm_20 here; use --arch portable"),
        (("--stages", "block[9]"), "no stage block[9]; there are"),
        (("--arch", "4090"), "arch"),
    ],
)
def test_what_cannot_be_built_is_one_line(
    tiny: Path, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    pytest.importorskip("tensorrt_rtx", reason="no wheel of tensorrt-rtx for this platform")
    code, text = run(tiny, "--library", "tensorrt-rtx", "--cache", tmp_path / "cache", *arguments)
    assert code == 1
    assert says in text
    assert len(text.strip().splitlines()) == 1


def test_without_a_library_it_says_what_to_install(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_MODULES", {"tensorrt": "no_such_a", "tensorrt-rtx": "no_such_b"})
    code, text = run(tiny)
    assert (code, text.count("\n")) == (1, 1)
    assert how_to_install("tensorrt-rtx") in text
    code, text = run(tiny, "--library", "tensorrt")
    assert code == 1
    assert how_to_install("tensorrt") in text


def test_a_folder_that_is_no_artifact_is_one_line(tmp_path: Path) -> None:
    code, text = run(tmp_path)
    assert (code, text.count("\n")) == (1, 1)
    assert "otmv export" in text
