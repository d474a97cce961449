from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from tests.monitoring.fake_prometheus import BUSY, NOTHING, serving_answers


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["report", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


def test_it_writes_one_page(tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.html"
    with serving_answers(BUSY) as url:
        code, said, _ = run("--from-prometheus", url, "--last", "10m", "--out", str(out))
    assert (code, said) == (0, f"wrote {out}\n")
    text = out.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert url in text
    assert "Rates over 60s, a point every 5 s" in text


def test_a_window_may_be_given(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    with serving_answers(BUSY) as url:
        run("--from-prometheus", url, "--last", "2d", "--window", "30m", "--out", str(out))
    assert "Rates over 1800s, a point every 1440 s" in out.read_text("utf-8")


def problem(*arguments: str) -> str:
    code, said, errors = run(*arguments)
    assert (code, said) == (1, "")
    assert len(errors.strip().splitlines()) == 1
    return errors


@pytest.mark.parametrize("last", ["", "h", "0h", "1.5h", "10", "3w", "-1h"])
def test_a_duration_that_is_none_is_one_line(last: str) -> None:
    assert "such as 30m" in problem("--from-prometheus", "http://127.0.0.1:1", "--last", last)


def test_what_goes_wrong_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert "start Prometheus" in problem(
        "--from-prometheus", "http://127.0.0.1:1", "--out", str(out)
    )
    with serving_answers(NOTHING) as url:
        assert "has seen no otmv server" in problem("--from-prometheus", url, "--out", str(out))
    with serving_answers(BUSY) as url:
        nowhere = tmp_path / "file" / "report.html"
        nowhere.parent.write_text("")
        assert str(nowhere) in problem("--from-prometheus", url, "--out", str(nowhere))
    assert not out.exists()
