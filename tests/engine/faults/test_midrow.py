"""A backend that throws or returns NaN half-way through a row, and a client that leaves there.

On real ONNX Runtime. The hidden state that a block is given tells which row it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import Cancelled, InferenceFailed
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import QUESTIONS, check_alone, question
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools import inside
from tests.engine.pools.request_counts import request_counts
from tests.engine.pools.watched_engine import WatchedEngine

COUNT, VICTIM = 6, 3
ORDERS = range(4)
WORDS = "what colour"


def state_before(order: int, seed: int) -> Array:
    """The hidden state [N, D] a row alone brings to this order."""
    tokens = np.array([QUESTIONS[WORDS]], np.int64)
    h = MODEL.run("stem[vqa]", {"pixels": picture(seed)[None], "tokens": tokens})["h"]
    for k in range(order):
        inputs = {"h": h, "order": np.array([MODEL.config.order_in_key(k)])}
        inputs["mask"] = np.ones(h.shape[:2], bool)
        h = MODEL.run(f"block[{MODEL.config.key_of_order[k]}]", inputs)["h_out"]
    found: Array = h[0]
    return found


class SixQuestions:
    """Six questions in one batch; a test hits one of them, `VICTIM`, at some order."""

    def __init__(self, artifact: Artifact) -> None:
        self.artifact = artifact
        self.watched = WatchedEngine(artifact)
        self.pool = self.watched.pool
        self.sent: list[tuple[Request, Future[Answer]]] = []

    def send_all(self) -> None:
        self.watched.gate.clear()
        for seed in range(COUNT):
            self.sent.append(self.watched.send(question(seed, WORDS), Budget()))
        self.watched.gate.set()

    @property
    def victim(self) -> tuple[Request, Future[Answer]]:
        return self.sent[VICTIM]

    def place_of_victim(self, order: int, stage: str, inputs: Mapping[str, Array]) -> int | None:
        """Return the victim row's place in a batch that is about to run `order` for it."""
        if stage != f"block[{MODEL.config.key_of_order[order]}]":
            return None
        aim = state_before(order, VICTIM)
        near = [np.allclose(h[: len(aim)], aim, atol=1e-5) for h in inputs["h"]]
        return near.index(True) if True in near else None

    def check_others(self) -> None:
        for seed, (_, future) in enumerate(self.sent):
            if seed != VICTIM:
                answer = future.result(20)
                assert answer.variant == "full"
                check_alone(self.artifact, MODEL, answer, seed, WORDS)

    def check_later_ones(self) -> None:
        """Ten more take the places of rows that left, and are answered as if nothing were."""
        later = [self.watched.send(question(seed, WORDS), Budget())[1] for seed in range(10, 20)]
        for seed, future in enumerate(later, start=10):
            check_alone(self.artifact, MODEL, future.result(20), seed, WORDS)
        assert self.pool.drain(20)
        assert not inside.has_seated_rows(self.pool)


@pytest.fixture
def questions(tiny: Artifact) -> Iterator[SixQuestions]:
    made = SixQuestions(tiny)
    yield made
    made.watched.close()


@pytest.mark.parametrize("order", ORDERS)
def test_a_row_whose_block_throws_twice_fails_alone(questions: SixQuestions, order: int) -> None:
    """From the second order on it has banked an answer already; a fault is still a fault."""
    sizes: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if questions.place_of_victim(order, stage, inputs) is not None:
            sizes.append(len(inputs["h"]))
            raise RuntimeError("this row")

    questions.watched.during = during
    questions.send_all()
    with pytest.raises(InferenceFailed, match="this row"):
        questions.victim[1].result(20)
    questions.check_others()
    assert len(sizes) == 2
    assert sizes[0] > 1 == sizes[1]
    questions.check_later_ones()
    assert request_counts(questions.pool) == {("full", "ok"): 15, ("full", "error"): 1}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("names", [("h_out", "r"), ("h_out",), ("r",)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_whose_block_is_not_finite_fails_alone(
    questions: SixQuestions, order: int, names: tuple[str, ...], value: float
) -> None:
    hit = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        place = questions.place_of_victim(order, stage, inputs)
        if place is not None:
            hit.append(len(inputs["h"]))
            for name in names:
                outputs[name][place] = value

    questions.watched.after = after
    questions.send_all()
    _, future = questions.victim
    if names == ("h_out",) and (order == ORDERS[-1] or value == np.inf):
        # Its state is not read any more; or an infinity passes tanh and comes out finite.
        error = future.exception(20)
        assert error is None or isinstance(error, InferenceFailed)
    else:
        with pytest.raises(InferenceFailed, match="finite"):
            future.result(20)
    questions.check_others()
    assert len(hit) == 1
    assert hit[0] > 1
    questions.check_later_ones()


@pytest.mark.parametrize("order", ORDERS)
def test_a_client_that_leaves_stops_within_one_step(questions: SixQuestions, order: int) -> None:
    seen_at: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if not seen_at and questions.place_of_victim(order, stage, inputs) is not None:
            seen_at.append(len(questions.watched.steps))
            questions.pool.cancel(questions.victim[0])
            assert questions.victim[1].done()

    questions.watched.during = during
    questions.send_all()
    with pytest.raises(Cancelled):
        questions.victim[1].result(20)
    questions.check_others()
    (left_at,) = seen_at
    steps, gone = questions.watched.steps, questions.victim[0].id
    assert gone in steps[left_at - 1].ids
    assert all(gone not in seen.ids for seen in steps[left_at:])
    questions.check_later_ones()
    assert request_counts(questions.pool) == {("full", "ok"): 15, ("full", "cancelled"): 1}


def test_when_all_clients_leave_nothing_runs_any_more(questions: SixQuestions) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if stage == "block[1]" and not left_at:
            for request, _ in questions.sent:
                questions.pool.cancel(request)
            left_at.append(len(questions.watched.steps))

    left_at: list[int] = []
    questions.watched.during = during
    questions.send_all()
    for _, future in questions.sent:
        with pytest.raises(Cancelled):
            future.result(20)
    questions.watched.during = lambda stage, inputs: None
    questions.check_later_ones()
    first_later = questions.watched.steps[left_at[0]]
    assert first_later.stage == "stem[vqa]"
    assert not {request.id for request, _ in questions.sent} & set(first_later.ids)


def test_a_backend_that_is_down_fails_every_request_once_and_comes_back(
    questions: SixQuestions,
) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if stage == "block[1]":
            raise MemoryError("no memory")

    questions.watched.during = during
    questions.send_all()
    for _, future in questions.sent:
        assert isinstance(future.exception(20), InferenceFailed)
    questions.watched.during = lambda stage, inputs: None
    questions.check_later_ones()
    assert request_counts(questions.pool) == {("full", "ok"): 10, ("full", "error"): COUNT}


@pytest.mark.parametrize("stage", ["block_image[1]", "block_decode[0]", "head[caption]"])
def test_a_caption_that_is_not_finite_fails_alone(tiny: Artifact, stage: str) -> None:
    """One place of one batch is hit, whatever row lies there."""
    watched = WatchedEngine(tiny)
    hit: list[int] = []

    def after(name: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if name == stage and len(inputs[next(iter(inputs))]) > 2 and not hit:
            hit.append(
                inside.caption_in_slot(watched.pool, 1)
                if "image" not in stage
                else watched.steps[-1].ids[1]
            )
            for array in outputs.values():
                array[1] = np.nan

    watched.after = after
    watched.gate.clear()
    sent = [watched.send(CaptionInput(picture(seed), None), Budget()) for seed in range(COUNT)]
    watched.gate.set()
    for seed, (request, future) in enumerate(sent):
        error = future.exception(20)
        if request.id in hit:
            assert isinstance(error, InferenceFailed)
        else:
            check_alone(tiny, MODEL, future.result(0), seed, WORDS)
    assert len(hit) == 1
    watched.close()
