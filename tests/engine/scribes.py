"""What every caption heard, bit by bit, and what it cost: for comparing it with itself alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest

from artifact.store import Artifact
from engine.caption_row import CaptionRow
from engine.types import Answer, Budget, CaptionInput
from tests.engine.fakes import picture
from tests.engine.tiny_model import Array
from tests.engine.watched import Watched, question

Heard = dict[int, list[bytes]]
"""Ticket to the logits of each word, all beams, to the bit."""


def listen(patch: pytest.MonkeyPatch, watched: Watched) -> Heard:
    """Note what each caption's row hears from now on."""
    heard: Heard = {}
    hear = CaptionRow.hear

    def noted(row: CaptionRow, logits: Array) -> None:
        jobs = watched.pool._executor._jobs
        number = next((i for i, job in jobs.items() if job.row is row), None)
        if number is not None:
            heard.setdefault(number, []).append(logits.tobytes())
        hear(row, logits)

    patch.setattr(CaptionRow, "hear", noted)
    return heard


def alone(artifact: Artifact, made: CaptionInput, variant: str) -> tuple[Answer, list[bytes]]:
    """Return a caption's answer and logits with nobody else in the engine; done once."""
    key = (artifact.root, made.pixels.tobytes(), made.max_new_tokens, made.num_beams, variant)
    if key not in _ALONE:
        _ALONE[key] = _alone(artifact, made, variant)
    return _ALONE[key]


_ALONE: dict[tuple[object, ...], tuple[Answer, list[bytes]]] = {}


def _alone(artifact: Artifact, made: CaptionInput, variant: str) -> tuple[Answer, list[bytes]]:
    with pytest.MonkeyPatch.context() as patch:
        watched = Watched(artifact)
        heard = listen(patch, watched)
        ticket, future = watched.send(made, Budget(variant=variant))
        answer = future.result(20)
        watched.close()
    return answer, heard[ticket.id]


def describe(seed: int, beams: int = 1, limit: int | None = None) -> CaptionInput:
    return CaptionInput(picture(seed), limit, beams)


class Rows:
    """How many rows each stage was given."""

    def __init__(self, watched: Watched) -> None:
        self.calls: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        watched.after = self._count

    def _count(self, stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        self.calls[stage] += 1
        self.rows[stage] += len(next(iter(inputs.values())))

    def of(self, kind: str) -> int:
        return sum(rows for stage, rows in self.rows.items() if stage.startswith(kind))


def free_slots(watched: Watched) -> int:
    return watched.pool._ledger.free_slots


def settled(watched: Watched) -> None:
    """Wait until the engine has let go of whoever left: it looks before every step."""
    watched.send(question(0), Budget())[1].result(20)


def in_pool(watched: Watched) -> int:
    """How many slots of keys and values are taken."""
    speaker = watched.pool._executor._speaker
    assert speaker is not None
    return speaker._decoder._pool.taken
