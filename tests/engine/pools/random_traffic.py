"""Requests of every kind that come and go at any call, and what each must be answered."""

from __future__ import annotations

import random
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artifact.store import Artifact
from engine.config import EngineConfig
from engine.errors import Cancelled, QueueFull
from engine.opening.solo import Solo
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget, Input
from tests.engine.answers.solo_answers import caption_words, reason_logits, vqa_logits
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.fake_backend import FakeBackend, fake_pool


class RandomTraffic:
    """Requests of every kind come, and leave, at any call of any stage; some calls fail."""

    def __init__(self, artifact: Artifact, backend: FakeBackend, seed: int, faults: bool) -> None:
        config = EngineConfig(cache_dir=Path("unused"), max_batch=4, caption_slots=10)
        self.pool, self.backend, self.clock = fake_pool(artifact, None, config, backend=backend)
        self.variants = [None, *(record.id for record in artifact.manifest.variants)]
        self.pick, self.faults, self.left = random.Random(seed), faults, 25
        self.sent: list[tuple[Input, Request, Future[Answer]]] = []
        self._all_sent = threading.Event()
        backend.hook = self._during

    def send_one(self) -> None:
        pick, self.left = self.pick, self.left - 1
        seed, variant = pick.randrange(6), pick.choice(self.variants)
        beams = pick.choice((1, 2, 3))
        made: Input = pick.choice(
            (
                VqaInput(picture(seed), pick.choice(("what colour", "what colour is a b"))),
                ReasonInput((picture(seed), picture(seed + 1)), "what colour"),
                CaptionInput(picture(seed), pick.choice((None, 2)), beams),
            )
        )
        rows = beams if isinstance(made, CaptionInput) else 1
        with suppress(QueueFull):
            budget = Budget(variant=variant)
            request = self.pool.admit(made.task, budget, self.clock.time_s, rows=rows)
            self.sent.append((made, request, self.pool.submit(request, made)))
        if not self.left:
            self._all_sent.set()

    def _during(self, stage: str, inputs: dict[str, Array]) -> None:
        self.clock.time_s += 0.001
        there = [request for _, request, future in self.sent if not future.done()]
        if self.left and (self.pick.random() < 0.2 or len(there) <= 4):
            self.send_one()
        if len(there) > 2 and self.pick.random() < 0.05:
            self.pool.cancel(self.pick.choice(there))
        if self.faults and self.pick.random() < 0.03 and len(next(iter(inputs.values()))) > 1:
            raise RuntimeError("broken for the test")

    def run(self) -> list[tuple[Input, Answer]]:
        self.backend.gate.clear()
        for _ in range(3):
            self.send_one()
        self.backend.gate.set()
        assert self._all_sent.wait(60)
        assert self.pool.drain(60)
        self.pool.close()
        ended = [(made, future) for made, _, future in self.sent]
        assert all(
            future.exception(0) is None or isinstance(future.exception(0), Cancelled)
            for _, future in ended
        )
        return [(made, future.result(0)) for made, future in ended if not future.exception(0)]


def check_alone(artifact: Artifact, made: Input, answer: Answer, alone: Solo) -> None:
    if isinstance(made, CaptionInput):
        limit, beams = made.max_new_tokens, made.num_beams
        (words,) = caption_words(alone, answer.variant, [made.pixels], limit, beams)
        assert answer.text == artifact.text_codec().decode(words)
        return
    if isinstance(made, VqaInput):
        tokens = artifact.text_codec().encode_question(made.question)
        (logits,) = vqa_logits(alone, answer.variant, [made.pixels], [tokens])
        labels: Any = artifact.labels()
    else:
        tokens = artifact.text_codec().encode_question(made.statement)
        (logits,) = reason_logits(alone, answer.variant, [made.pixels], [tokens])
        labels = ("false", "true")
    scores = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    assert answer.labels[0][0] == labels[int(logits.argmax())]
    for label, score in answer.labels:
        assert score == pytest.approx(scores[labels.index(label)], rel=1e-4)
