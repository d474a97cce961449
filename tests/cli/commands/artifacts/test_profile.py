"""`otmv profile`: a table of stages and one of variants, or one line that says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.artifacts.profile import app
from tests.engine.artifacts.tiny_artifact import write_tiny


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny").root


def test_it_shows_every_stage_and_variant_and_keeps_the_times(tiny: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    options = ("--cache", cache, "--max-batch", 2, "--seconds", 1)
    code, out, errors = run(tiny, *options)
    assert (code, errors) == (0, "")
    for part in ("head[vqa]", "block[0]", "batch 2, ms", "variants", "full", "as configured"):
        assert part in out, part
    assert any(path.is_file() for path in cache.rglob("*"))


def test_what_cannot_be_measured_is_one_line(tiny: Path, tmp_path: Path) -> None:
    for arguments, said in (
        ((tmp_path / "nothing",), "otmv export"),
        ((tiny, "--backend", "nope", "--cache", tmp_path), "use one of onnxruntime"),
    ):
        code, out, errors = run(*arguments)
        assert (code, out) == (1, "")
        assert errors.startswith("otmv: ")
        assert said in errors
        assert len(errors.splitlines()) == 1
