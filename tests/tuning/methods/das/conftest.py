from __future__ import annotations

from pathlib import Path

import pytest

from tests.tuning.finetuning.tiny import recipe
from tests.tuning.methods.das.searched import made


@pytest.fixture(scope="session")
def base(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = recipe(squares, run={"steps": 2})
    said["tasks"] = {task: said["tasks"][task] for task in ("vqa", "caption")}
    out = tmp_path_factory.mktemp("base")
    made(said).run(out)
    return out
