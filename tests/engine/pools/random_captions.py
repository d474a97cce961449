"""Captions that come and go at random, with questions and statements among them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress

import pytest

from artifact.store import Artifact
from engine.errors import QueueFull
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import question
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools.caption_logits import caption_input, record_logits, settle
from tests.engine.pools.watched_engine import WatchedEngine


class RandomCaptions:
    """Captions come at any call of any stage; some leave there; questions ride along."""

    def __init__(self, artifact: Artifact, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.pick = random.Random(seed)
        self.variants = [record.id for record in artifact.manifest.variants]
        self.watched = WatchedEngine(artifact, caption_slots=12)
        self.recorded = record_logits(patch, self.watched)
        self.sent: dict[int, tuple[CaptionInput, str, Future[Answer]]] = {}
        self.admitted: dict[int, Request] = {}
        self.others: list[Future[Answer]] = []
        self.left = 14
        self.watched.during = self._during

    def send_one(self) -> None:
        pick, self.left = self.pick, self.left - 1
        limit = pick.choice((None, None, 1, 3))
        made = caption_input(pick.randrange(8), pick.choice((1, 1, 2, 3)), limit)
        variant = pick.choice(self.variants)
        with suppress(QueueFull):
            request, future = self.watched.send(made, Budget(variant=variant))
            self.sent[request.id], self.admitted[request.id] = (made, variant, future), request
        seed = pick.randrange(8)
        judged = ReasonInput((picture(seed), picture(seed + 1)), "what colour")
        asked = pick.choice((None, question(seed), judged))
        if asked is not None:
            self.others.append(self.watched.send(asked, Budget())[1])

    def _during(self, stage: str, inputs: Mapping[str, Array]) -> None:
        if self.left > 0 and self.pick.random() < 0.2:
            self.send_one()
        if self.pick.random() < 0.02 and self.admitted:
            self.watched.pool.cancel(self.pick.choice(list(self.admitted.values())))

    def run(self) -> None:
        for _ in range(3):
            self.send_one()
        while self.left > 0:  # calls inside the engine send some of them too
            self.send_one()
        for _, _, future in list(self.sent.values()):
            future.exception(20)
        for other in self.others:
            other.result(20)
        settle(self.watched)
