"""Captions that are written together, one of which a test breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from artifact.store import Artifact
from engine.requests.request import Request
from engine.types import Answer, Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools import inside
from tests.engine.pools.caption_logits import (
    caption_alone,
    caption_input,
    free_slots,
    record_logits,
    same_logits,
    settle,
    taken_slots,
)
from tests.engine.pools.watched_engine import WatchedEngine

MADE = [
    caption_input(2),
    caption_input(3, 3),
    caption_input(4),  # the victim, alone or with the beams a test gives it
    caption_input(6),
    caption_input(7, 2),
]
VICTIM = 2
SECOND_WORD = 1


class CaptionsTogether:
    """Five captions in one round, each of a named variant; `victim` has the beams asked for."""

    def __init__(
        self,
        artifact: Artifact,
        patch: pytest.MonkeyPatch,
        beams: int,
        variants: Sequence[str] = ("full",) * 5,
        limit: float = 0.0,
    ) -> None:
        self.artifact = artifact
        self.variants, self.limit = variants, limit
        self.watched = WatchedEngine(artifact, max_batch=10)
        self.pool = self.watched.pool
        self.recorded = record_logits(patch, self.watched)
        self.made = [*MADE]
        self.made[VICTIM] = caption_input(4, beams)
        self.sent: list[tuple[Request, Future[Answer]]] = []
        self.pieces: list[str] = []

    def send_all(self) -> None:
        self.watched.gate.clear()
        for place, made in enumerate(self.made):
            listens = place == VICTIM and made.num_beams == 1
            on_text = self.pieces.append if listens else None
            self.sent.append(self.send(place, on_text))
        self.watched.gate.set()

    def send(
        self, place: int, on_text: Callable[[str], None] | None = None
    ) -> tuple[Request, Future[Answer]]:
        return self.watched.send(self.made[place], Budget(variant=self.variants[place]), on_text)

    def by_itself(self, place: int) -> tuple[Answer, list[bytes]]:
        """Its answer and logits with no other request in the engine."""
        return caption_alone(self.artifact, self.made[place], self.variants[place])

    @property
    def victim(self) -> tuple[Request, Future[Answer]]:
        return self.sent[VICTIM]

    def slots(self) -> list[int]:
        """The victim's slots if it is in the round under way, at its second word."""
        current = inside.round_put_aside(self.watched.pool)
        if current is None or len(self.sent) <= VICTIM:
            return []
        for row, request in current.requests.items():
            if request.id == self.victim[0].id and row.decoded == SECOND_WORD:
                return row.slots
        return []

    def at(self) -> int:
        """Which call of its round comes now."""
        current = inside.round_put_aside(self.watched.pool)
        assert current is not None
        return current.round.done

    def touches(self, stage: str, inputs: Mapping[str, Array]) -> bool:
        """Tell whether a call runs a slot of the victim's, at its second word."""
        if "image" in stage or stage == "stem[caption]" or not self.slots():
            return False
        if stage.startswith("whole") and self.variants[VICTIM] not in stage:
            return False  # another variant's call does not use its slot
        kind = stage.partition("[")[0]
        name = {"head": "y", "block_decode": "h"}.get(kind, "tokens")
        rows = inside.round_arrays(self.watched.pool)[name]
        return any(np.may_share_memory(inputs[name], rows[slot]) for slot in self.slots())

    def place(self, inputs: Mapping[str, Array]) -> int:
        """Where in a whole variant's call the victim's last beam is."""
        slots = inside.round_arrays(self.watched.pool)["tokens"]
        begin = (inputs["tokens"].ctypes.data - slots.ctypes.data) // slots.strides[0]
        return int(self.slots()[-1] - begin)

    def check_others(self) -> None:
        """The others are as they are alone, within the limit; so are five more that come later."""
        for place in range(len(self.made)):
            if place != VICTIM:
                self._check(place, *self.sent[place])
        again = [self.send(place) for place in range(len(self.made))]
        for place, (request, future) in enumerate(again):
            self._check(place, request, future)
        settle(self.watched)
        assert (free_slots(self.watched), taken_slots(self.watched)) == (40, 0)

    def _check(self, place: int, request: Request, future: Future[Answer]) -> None:
        answer, logits = self.by_itself(place)
        assert future.result(20).text == answer.text
        assert same_logits(self.recorded[request.id], logits, self.limit)
