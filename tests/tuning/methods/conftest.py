from __future__ import annotations

from pathlib import Path

import pytest

from tests.tuning.finetuning.tiny import made, recipe, write_set


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("squares"))


@pytest.fixture(scope="session")
def base(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a checkpoint of two tasks after a few steps."""
    said = recipe(squares, run={"steps": 2})
    said["tasks"] = {task: said["tasks"][task] for task in ("vqa", "caption")}
    out = tmp_path_factory.mktemp("base")
    made(said).run(out)
    return out
