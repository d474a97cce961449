from __future__ import annotations

from pathlib import Path

import pytest

from tests.tuning.finetuning.tiny import write_set


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("squares"))
