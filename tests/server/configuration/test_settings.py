"""Settings: the environment is read strictly, and nothing is silently ignored."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from server.configuration.settings import Settings, unknown_variables


def test_environment_is_read_with_units(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMV_ARTIFACT", "/models/demo")
    monkeypatch.setenv("OTMV_MEMORY_BUDGET", "512MiB")
    monkeypatch.setenv("OTMV_PORT", "9000")
    settings = Settings()
    assert settings.artifact == Path("/models/demo")
    assert settings.memory_budget == 512 * 2**20
    assert settings.port == 9000


def test_options_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMV_PORT", "9000")
    assert Settings(artifact=Path("a"), port=1234).port == 1234


def test_defaults_are_those_documented() -> None:
    settings = Settings(artifact=Path("a"))
    assert settings.max_body_bytes == 20 * 2**20
    assert settings.max_pixels == 40_000_000
    assert (settings.default_max_latency_ms, settings.default_on_miss) == (30_000, "degrade")
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "70000"),
        ("port", "tcp://10.0.0.1:8000"),
        ("memory_budget", "-5"),
        ("memory_budget", "many"),
        ("queue_limit", "0"),
        ("default_max_latency_ms", "nan"),
        ("default_on_miss", "whatever"),
        ("late_answer_worth", "1.01"),
        ("late_answer_worth", "-0.1"),
        ("audit_share", "1.01"),
        ("audit_share", "-0.1"),
        ("audit_share", "nan"),
        ("log_level", "loud"),
        ("max_pixels", "1000000000"),
        ("max_bodies_bytes", "1MiB"),
    ],
)
def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"OTMV_{name.upper()}", value)
    with pytest.raises(ValidationError):
        Settings(artifact=Path("a"))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(artifact=Path("a"), prot=5)  # type: ignore[call-arg]
    environment = {"OTMV_PROT": "", "OTMV_PORT": "", "OTMV_URL": "", "PATH": ""}
    assert unknown_variables(environment) == ["OTMV_PROT"]
