"""The documented memory limit is the computed one, and every setting moves it as it must."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from loadtests.siege.memory_limit import (
    DECODED_BYTES_PER_PIXEL,
    WORKER_BYTES,
    memory_limit_bytes,
)
from pictures.picture import LIMIT_BYTES_PER_PIXEL
from server.configuration.settings import Settings

DEMO_BYTES = 60 * 10**6
OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"


def limit(workers: int = 2, engine_bytes: int = DEMO_BYTES, **changes: Any) -> int:
    settings = Settings(artifact=Path("/nowhere"), **changes)
    bodies = settings.max_bodies_bytes, settings.max_body_bytes
    return memory_limit_bytes(engine_bytes, *bodies, workers, settings.max_pixels, settings.reload)


def test_the_documented_number_is_the_computed_one() -> None:
    found = re.search(r"and the demo that is\s+([0-9.]+) GB", OPERATIONS.read_text("utf-8"))
    assert found is not None
    assert float(found[1]) == round(limit() / 1e9, 1)


@pytest.mark.parametrize(
    ("changes", "more_bytes"),
    [
        ({"max_bodies_bytes": 612 * 2**20}, 120 * 2**20),
        ({"max_body_bytes": 30 * 2**20}, 20 * 2**20),
        ({"max_pixels": 50_000_000}, 2 * 10_000_000 * DECODED_BYTES_PER_PIXEL),
        ({"workers": 3}, WORKER_BYTES + 40_000_000 * DECODED_BYTES_PER_PIXEL),
        ({"reload": True}, DEMO_BYTES),
        ({"engine_bytes": DEMO_BYTES + 1000}, 1000),
    ],
)
def test_each_setting_counts(changes: dict[str, Any], more_bytes: int) -> None:
    assert limit(**changes) - limit() == pytest.approx(more_bytes, abs=1)


def test_a_worker_may_take_no_more_than_is_counted() -> None:
    assert DECODED_BYTES_PER_PIXEL == LIMIT_BYTES_PER_PIXEL
