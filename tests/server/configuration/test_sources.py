"""Where settings come from, which source wins, and how each mistake is reported in one line."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from server.access.keys import sha256_of
from server.configuration.api_key import ApiKey
from server.configuration.settings import Settings
from server.configuration.sources import ConfigurationError, read_configuration, redacted

SUM = sha256_of("otmv-key")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "otmv.toml"
    path.write_text(
        f"""
artifact = "from-file"
port = 1000
max_batch = 4
memory_budget = "512MiB"
cors_origins = ["https://app.example"]

[keys.alice]
sha256 = "{SUM}"
rate_per_s = 2.5
"""
    )
    return path


def test_options_win_over_the_environment_and_that_over_the_file(
    monkeypatch: pytest.MonkeyPatch, file: Path
) -> None:
    monkeypatch.setenv("OTMV_PORT", "2000")
    monkeypatch.setenv("OTMV_MAX_BATCH", "2")
    found = read_configuration({"config": file, "port": 3000})
    settings, origins = found.settings, found.origins
    assert (settings.port, origins["port"]) == (3000, "--port")
    assert (settings.max_batch, origins["max_batch"]) == (2, "OTMV_MAX_BATCH")
    assert (settings.memory_budget, origins["memory_budget"]) == (512 * 2**20, str(file))
    assert (settings.host, origins["host"]) == ("127.0.0.1", "default")
    assert settings.artifact == Path("from-file")
    assert settings.keys["alice"].rate_per_s == 2.5
    assert settings.cors_origins == ("https://app.example",)
    assert set(origins) == set(Settings.model_fields)


def test_the_environment_may_name_the_file(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("OTMV_CONFIG", str(file))
    found = read_configuration({})
    assert found.settings.port == 1000
    assert found.origins["config"] == "OTMV_CONFIG"


def test_lists_in_the_environment_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTMV_CORS_ORIGINS", '["https://a.example", "http://b.example:81"]')
    found = read_configuration({"artifact": "a"})
    assert found.settings.cors_origins == ("https://a.example", "http://b.example:81")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("prot = 5", ["otmv.toml", "unknown prot"]),
        ('config = "other.toml"', ["unknown config"]),
        ("[server]\nport = 5", ["unknown server"]),
        ("[keys.alice]\nsha256 = '" + SUM + "'\nrate = 5", ["keys.alice.rate: is unknown", "toml"]),
        ("[keys.alice]\nrate_per_s = 5", ["keys.alice.sha256", "otmv.toml"]),
        ("[keys.'a b']\nsha256 = '" + SUM + "'", ["keys.a b"]),
        ("[keys.none]\nsha256 = '" + SUM + "'", ["keys", "none"]),
        (f"[keys.a]\nsha256='{SUM}'\n[keys.b]\nsha256='{SUM.upper()}'", ["same sha256"]),
        ("port = 70000", ["port: Input should be less", "otmv.toml"]),
        ("port = @", ["is not TOML", "line 1"]),
        ("port = 5\nport = 6", ["is not TOML"]),
        ('cors_origins = ["app.example"]', ["cors_origins", "https://app.example"]),
        ('cors_origins = ["https://app.example/"]', ["cors_origins"]),
        ('otel_endpoint = "collector:4318"', ["otel_endpoint"]),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = tmp_path / "otmv.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_configuration({"config": path, "artifact": "a"})
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    assert SUM not in message


@pytest.mark.parametrize("made", [False, True])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, made: bool) -> None:
    path = tmp_path / "folder.toml"
    if made:
        path.mkdir()
    with pytest.raises(ConfigurationError, match=r"folder\.toml: .*\(give another --config\)"):
        read_configuration({"config": path, "artifact": "a"})


def test_bytes_that_are_no_text_are_not_toml(tmp_path: Path) -> None:
    path = tmp_path / "otmv.toml"
    path.write_bytes(b"port = \xff")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read_configuration({"config": path, "artifact": "a"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("OTMV_PORT", "many", r"port: .*\(in OTMV_PORT\)"),
        ("OTMV_PROT", "5", "unknown variables OTMV_PROT"),
        ("OTMV_CORS_ORIGINS", "https://app.example", r"cors_origins: is not JSON .*ORIGINS"),
    ],
)
def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=message):
        read_configuration({"artifact": "a"})


def test_a_wrong_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"port: .*\(in --port\)"):
        read_configuration({"artifact": "a", "port": -1})
    with pytest.raises(ConfigurationError, match=r"artifact: .*set ARTIFACT or OTMV_ARTIFACT"):
        read_configuration({})


def secretive() -> dict[str, Any]:
    return {
        "artifact": "a",
        "keys": {"alice": {"sha256": SUM, "rate_per_s": 2.0}},
        "otel_endpoint": "http://user:password@collector:4318",
    }


def test_what_is_shown_holds_no_secret_and_is_json() -> None:
    shown = json.dumps(redacted(Settings(**secretive())))
    assert SUM[:8] in shown
    assert SUM[:12] not in shown
    assert "password" not in shown
    assert "@collector:4318" in shown
    assert set(json.loads(shown)) == set(Settings.model_fields)
    assert SUM not in repr(Settings(**secretive()))


def test_the_printed_settings_are_toml_with_their_origins(file: Path) -> None:
    configuration = read_configuration({"config": file, **secretive()})
    text = configuration.as_toml()
    again = tomllib.loads(text)
    assert again["port"] == 1000
    assert again["memory_budget"] == 512 * 2**20
    assert again["keys"]["alice"]["rate_per_s"] == 2.0
    assert SUM[:12] not in text
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert lines["port"].endswith(f"# {file}")
    assert lines["host"].endswith("# default")
    assert lines["artifact"].endswith("# --artifact")
    assert "# cache_dir is not set" in text
    again["keys"]["alice"]["sha256"] = SUM
    file.write_text("\n".join(_as_file(again)))
    assert read_configuration({"config": file}).settings == configuration.settings.model_copy(
        update={"otel_endpoint": "http://...@collector:4318"}
    )


def _as_file(values: dict[str, Any]) -> list[str]:
    plain = [f"{k} = {json.dumps(v)}" for k, v in values.items() if not isinstance(v, dict)]
    alice = values["keys"]["alice"].items()
    return [*plain, "[keys.alice]", *(f"{k} = {json.dumps(v)}" for k, v in alice)]


def test_the_file_in_the_documents_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "otmv.toml"
    path.write_text(block)
    settings = read_configuration({"config": path}).settings
    assert settings.log_format == "json"
    assert settings.keys["alice"].rate_per_s == 10


def test_every_entry_of_a_key_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/operations.md").read_text("utf-8")
    for name in ApiKey.model_fields:
        assert f"| `{name}` |" in page, name
