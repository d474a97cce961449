"""Where an engine keeps what it learns."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from engine.config import default_cache_dir


def no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Be a user without HOME and without an entry in the user database; return where files go."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_user_without_a_home_has_a_folder_of_its_own(homeless: Path) -> None:
    folder = default_cache_dir()
    assert folder == default_cache_dir() == homeless / f"otmv-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_somebody_else_has_made_is_not_taken(homeless: Path) -> None:
    (homeless / "elsewhere").mkdir()
    (homeless / f"otmv-{os.getuid()}").symlink_to(homeless / "elsewhere")
    folder = default_cache_dir()
    assert folder.is_dir()
    assert folder.resolve() != homeless / "elsewhere"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_cache_folder_that_the_environment_names_wins(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(homeless / "cache"))
    assert default_cache_dir() == homeless / "cache" / "otmv"
