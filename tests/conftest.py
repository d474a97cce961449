"""What holds for all tests."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def _garbage_of_this_module_only() -> Iterator[None]:
    """Leave what earlier modules made out of garbage collection.

    An engine collects garbage when it loads. In a process that has imported torch and run a
    thousand tests that takes seconds each time.
    """
    gc.freeze()
    yield
    gc.unfreeze()
