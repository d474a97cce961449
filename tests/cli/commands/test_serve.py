"""`otmv serve`: its configuration shown, and refused in one line; logs as JSON from the start."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands import serve as command
from cli.main import build
from server.access.keys import sha256_of

ROOT = Path(__file__).parents[3]
SUM = sha256_of("otmv-key")
GRPC = ("--grpc-port", "8001")


@pytest.fixture(autouse=True)
def _logging_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "configure_logging", lambda settings: None)


def serve(*words: str) -> tuple[int, str, str]:
    arguments = ["serve", *words]
    result = CliRunner().invoke(build(arguments), arguments, env={"COLUMNS": "200"})
    return result.exit_code, result.stdout, result.stderr


def test_print_config_shows_values_and_origins_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTMV_MAX_BATCH", "2")
    path = tmp_path / "otmv.toml"
    path.write_text(f'log_format = "json"\n[keys.alice]\nsha256 = "{SUM}"\n')
    code, out, _ = serve(
        "no-such-artifact", "--config", str(path), "--port", "9", *GRPC, "--print-config"
    )
    assert code == 0
    shown = tomllib.loads(out)
    assert (shown["artifact"], shown["port"], shown["max_batch"]) == ("no-such-artifact", 9, 2)
    assert shown["grpc_port"] == 8001
    assert shown["keys"]["alice"]["sha256"] == SUM[:8] + "..."
    assert "# OTMV_MAX_BATCH" in out
    assert f"# {path}" in out


def test_a_wrong_file_ends_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "otmv.toml"
    path.write_text("prot = 9")
    code, _, errors = serve("x", "--config", str(path))
    assert code == 1
    assert errors.startswith("otmv serve: ")
    assert "unknown prot" in errors
    assert len(errors.splitlines()) == 1


def test_an_artifact_that_is_not_there_ends_with_one_line(tmp_path: Path) -> None:
    code, _, errors = serve(str(tmp_path / "nothing"))
    assert code == 1
    assert len(errors.splitlines()) == 1


def test_as_json_even_the_last_line_is_json(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTMV_LOG_FORMAT", "json")
    with caplog.at_level("INFO"):
        code, _, errors = serve(str(tmp_path / "nothing"))
    assert code == 1
    assert not errors
    first, last = caplog.records
    assert json.loads(json.dumps(first.settings))["log_format"] == "json"  # type: ignore[attr-defined]
    assert "nothing" in last.reason  # type: ignore[attr-defined]


def test_serving_without_tracing_imports_no_opentelemetry_sdk() -> None:
    script = (
        "import sys, cli.commands.serve\n"
        "heavy = ('opentelemetry.sdk', 'requests', 'server.observing.otel')\n"
        "bad = [m for m in heavy if m in sys.modules]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert found.returncode == 0, found.stderr
