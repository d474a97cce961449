"""`otmv tune`: progress in a pipe, and one line for what cannot be tuned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.tune import app
from models.checkpoint import load


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.stdout, result.stderr


def test_a_pipe_gets_the_last_counts_and_where_the_checkpoint_is(tmp_path: Path) -> None:
    folders = ("--out", tmp_path / "made", "--cache", tmp_path / "cache")
    code, out, errors = run("smoke", "--steps", 2, "--pictures", 4, "--device", "cpu", *folders)
    assert (code, out) == (0, "")
    assert "4/4" in errors
    assert "2/2" in errors
    facts = r"right: vqa \d\.\d{3} reason \d\.\d{3}  caption loss \d\.\d{3}"
    assert re.search(rf"2/2 .*{facts}", errors)
    assert errors.splitlines()[-1].startswith(f"tuned: {tmp_path / 'made'}  (")
    assert load(tmp_path / "made").note["step"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "no recipe 'nothing': there are "),
        (("smoke", "--device", "abacus"), "no device 'abacus'; use cpu, cuda or auto"),
    ],
)
def test_what_cannot_be_tuned_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    code, out, errors = run(*arguments)
    assert (code, out) == (1, "")
    assert errors.startswith(f"otmv: {said}")
    assert len(errors.splitlines()) == 1
