from __future__ import annotations

from pathlib import Path

import pytest

from engine.backends.installed import is_installed


def test_a_folder_of_that_name_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tensorrt").mkdir()
    assert not is_installed("tensorrt")
    assert not is_installed("no_such_library")
    assert is_installed("numpy")
