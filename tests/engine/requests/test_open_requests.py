"""A place is given up by its request or swept, never both."""

from __future__ import annotations

from typing import Any

import pytest

from artifact.store import Artifact
from engine.errors import DeadlineError, QueueFull
from engine.tasks.vqa import VqaInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import picture
from tests.engine.pools import inside
from tests.engine.pools.fake_engine import FakeEngine
from tests.engine.pools.request_counts import request_counts


def test_a_place_is_not_swept_while_its_request_is_handed_over(
    tiny: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FakeEngine(tiny, queue_limit=1)
    make = inside.parts(engine.pool).row_maker.make

    def slow(*arguments: Any) -> Any:
        engine.clock.time_s += 1  # its deadline passes while its tokens are made
        with pytest.raises(QueueFull):
            engine.admit()
        return make(*arguments)

    request = engine.admit(Budget(max_latency_ms=100, on_miss="reject"))
    with monkeypatch.context() as patch:
        patch.setattr(inside.parts(engine.pool).row_maker, "make", slow)
        future = engine.pool.submit(request, VqaInput(picture(), "what"))
    with pytest.raises(DeadlineError):
        future.result(5)
    assert request_counts(engine.pool) == {("full", "expired"): 1, ("none", "refused"): 1}
    engine.pool.close()
