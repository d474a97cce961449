from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.kit import journal
from loadtests.kit.journal import Journal


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Journal]:
    with journal.opened(tmp_path / "kept.jsonl", {"code": "1"}) as opened:
        yield opened
