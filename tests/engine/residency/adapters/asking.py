"""Requests to an engine that has adapters, and what their answers should be."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from artifact.adapters.folder import Adapter
from artifact.golden import relative_l2
from artifact.store import Artifact
from engine.requests.request import Request
from engine.residency.adapters.lease import LoadedAdapter
from engine.tasks.vqa import VqaInput
from engine.types import Answer, Budget
from models.checkpoint import Checkpoint
from tests.engine.pools.inside import adapter_users
from tests.engine.pools.watched_engine import WatchedEngine
from tests.engine.residency.adapters.adaptable import model_logits

QUESTION = "what color is the circle ?"

Sent = tuple[Request, Future[Answer]]


def picture(seed: int, side: int = 64) -> NDArray[np.uint8]:
    """Return a drawn picture."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


@dataclass(frozen=True)
class Asking:
    """One engine, the adapters in a folder, and the model that says what is right."""

    artifact: Artifact
    checkpoint: Checkpoint
    adapters: dict[str, Adapter]
    root: Path
    watched: WatchedEngine

    def load(self, name: str) -> LoadedAdapter:
        """Load an adapter of the folder."""
        return self.watched.pool.load_adapter(self.root / name)

    def users(self, loaded: LoadedAdapter) -> int:
        """Return how many requests hold it."""
        return adapter_users(self.watched.pool, loaded.place)

    def ask(self, seed: int, adapter: str | None = None, variant: str | None = None) -> Sent:
        """Ask the same question about another picture."""
        pool, now = self.watched.pool, self.watched.clock.time_s
        request = pool.admit("vqa", Budget(variant=variant), now, adapter=adapter)
        return request, pool.submit(request, VqaInput(picture(seed), QUESTION, top_k=3))

    def check(self, seed: int, adapter: str | None, sent: Sent) -> Answer:
        """Wait for an answer, which is what the model says with that adapter; return it."""
        request, future = sent
        answer = future.result(30)
        tokens = self.artifact.text_codec().encode_question(QUESTION)
        own = None if adapter is None else self.adapters[adapter]
        wanted = model_logits(self.checkpoint, own, picture(seed), tokens, answer.executed)
        assert answer.adapter == adapter
        assert relative_l2(self.watched.logits[request.id], wanted) <= 1e-5
        return answer
