from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor

from tests.models.public.checkpoint_files import released, saved, weights


@pytest.fixture
def state() -> dict[str, Tensor]:
    return weights(released())


@pytest.fixture
def file(tmp_path: Path, state: dict[str, Tensor]) -> Path:
    return saved(tmp_path / "beit3.safetensors", state)
