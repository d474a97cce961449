"""A batch that fails is tried again row by row, and every row is then where it was before."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from engine.tasks.caption import CaptionInput
from engine.types import Budget
from tests.engine.answers.model_answers import check_alone, expected
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.fake_engine import FakeEngine


@pytest.mark.parametrize("stage", ["stem[vqa]", "head[vqa]", "block_image[0]", "block_decode[1]"])
def test_a_batch_that_comes_back_too_small_is_tried_again_row_by_row(
    engine: FakeEngine, tiny: Artifact, stage: str
) -> None:
    """Rows that were given their part already are not a step ahead of the others then.

    Five: however many have begun before the others came, three go together.
    """
    short: list[int] = []

    def hook(name: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        rows = len(next(iter(inputs.values())))
        if name != stage or rows < 3 or short:
            return None
        short.append(rows)
        return {name: array[: rows - 1] for name, array in MODEL.run(name, inputs).items()}

    engine.backend.hook = hook
    engine.backend.hold()
    asked = [engine.send(seed=seed) for seed in range(5)]
    described = []
    for seed in range(5):
        request = engine.pool.admit("caption", Budget(), engine.clock.time_s)
        described.append(engine.pool.submit(request, CaptionInput(picture(seed), None)))
    engine.backend.gate.set()
    for seed in range(5):
        answer = asked[seed].result(20)
        assert answer.labels[0][0] == expected(tiny, answer.variant, seed)
        check_alone(tiny, MODEL, described[seed].result(20), seed, "what colour")
    assert short
