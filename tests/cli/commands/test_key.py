"""`otmv key`: the key once, its entry ready for the file, and the file lets it in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from server.access.keys import KeyRing, sha256_of
from server.configuration.sources import read_configuration


def make(*words: str) -> tuple[int, str, str]:
    arguments = ["key", *words]
    result = CliRunner().invoke(build(arguments), arguments)
    return result.exit_code, result.stdout, result.stderr


def test_the_entry_lets_the_key_in(tmp_path: Path) -> None:
    code, entry, shown = make("alice", "--rate-per-s", "2.5", "--burst", "7")
    assert code == 0
    found = re.search(r"otmv-\S+", shown)
    assert found is not None
    key = found[0]
    assert key not in entry
    assert sha256_of(key) in entry
    path = tmp_path / "otmv.toml"
    path.write_text(entry)
    settings = read_configuration({"config": path, "artifact": "a"}).settings
    assert (settings.keys["alice"].rate_per_s, settings.keys["alice"].capacity) == (2.5, 7)
    assert KeyRing(settings.keys).name_of(key.encode()) == "alice"


def test_entries_can_be_collected_in_one_file() -> None:
    entries = make("a")[1] + make("b", "--default-on-miss", "reject")[1]
    both = tomllib.loads(entries)["keys"]
    assert set(both) == {"a", "b"}
    assert both["a"]["sha256"] != both["b"]["sha256"]
    assert both["b"]["default_on_miss"] == "reject"


@pytest.mark.parametrize(
    "words",
    [
        ["a b"],
        ["none"],
        [""],
        ["alice", "--burst", "3"],
        ["alice", "--rate-per-s", "0"],
        ["alice", "--default-on-miss", "maybe"],
    ],
)
def test_what_the_server_would_refuse_is_refused_here(words: list[str]) -> None:
    code, entry, _ = make(*words)
    assert code == 2
    assert not entry


def test_the_option_that_is_wrong_is_named() -> None:
    assert "Invalid value: burst needs rate_per_s" in make("alice", "--burst", "3")[2]
    assert "--rate-per-s: Input" in make("alice", "--rate-per-s", "0")[2]
