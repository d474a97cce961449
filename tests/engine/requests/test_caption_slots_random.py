"""Random admissions, submissions, cancels, faults and hours: no slot is lost or given twice."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact.store import Artifact
from engine.errors import DeadlineError, EngineError, QueueFull
from engine.requests.request import Request
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.caption_engine import SLOTS, CaptionEngine

moves = st.lists(
    st.tuples(
        st.sampled_from(["admit", "submit", "cancel", "later", "hold", "release", "break"]),
        st.integers(0, 9),
    ),
    max_size=40,
)
_SHARED: dict[str, Artifact] = {}


@pytest.fixture(autouse=True, scope="module")
def _share(tiny: Artifact) -> None:
    _SHARED["tiny"] = tiny


@settings(max_examples=60, deadline=None)
@given(moves)
def test_no_slot_is_lost_or_given_twice(played: list[tuple[str, int]]) -> None:
    engine = CaptionEngine(_SHARED["tiny"], queue_limit=20)
    admitted: list[tuple[Request, int]] = []
    faults: list[str] = []

    def hook(stage: str, inputs: dict[str, Array]) -> None:
        if faults and stage == faults[0]:
            raise RuntimeError(faults.pop(0))

    engine.backend.hook = hook
    for move, number in played:
        if move == "admit":
            rows = 1 + number % 4
            late = {"max_latency_ms": 50.0, "on_miss": "reject"} if number > 7 else {}
            with suppress(QueueFull, DeadlineError):
                admitted.append((engine.caption(rows, **late), rows))
        elif move == "submit" and admitted:
            request, rows = admitted[number % len(admitted)]
            with suppress(EngineError):
                engine.write(request, 1 + number % rows, number)
        elif move == "cancel" and admitted:
            engine.pool.cancel(admitted[number % len(admitted)][0])
        elif move == "later":
            engine.clock.time_s += number / 20
        elif move in ("hold", "release"):
            (engine.backend.gate.clear if move == "hold" else engine.backend.gate.set)()
        elif move == "break":
            stages = ("stem[caption]", "block_image[0]", "block_decode[1]", "head[caption]")
            faults.append(stages[number % 4])
        assert 0 <= engine.free_slots <= SLOTS
    finish(engine, admitted)


def finish(engine: CaptionEngine, admitted: list[tuple[Request, int]]) -> None:
    """A request that was submitted ends; one that was not is cancelled; nothing of any is left."""
    engine.backend.gate.set()
    for request, _ in admitted:
        place = inside.parts(engine.pool).requests.find(request.id)
        if place is not None and place.submitted:
            place.future.exception(20)
        engine.pool.cancel(request)
    engine.backend.hook = lambda stage, inputs: None
    engine.settle()
    assert (engine.free_slots, engine.taken_slots) == (SLOTS, 0)
    assert engine.pool.drain(20)
    engine.pool.close()
    with pytest.raises(EngineError):
        engine.caption()
