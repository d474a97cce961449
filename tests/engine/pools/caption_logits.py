"""The logits every caption was given, to the bit, to compare it with itself alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from artifact.store import Artifact
from engine.elastic.course import WORD
from engine.elastic.kinds import Next, best_kind
from engine.elastic.snapshot import RowView, Snapshot
from engine.elastic.sorting import SortedRows, fill
from engine.rows.caption.row import CaptionRow
from engine.tasks.caption import CaptionInput
from engine.types import Answer, Budget
from tests.engine.answers.model_answers import distance, question
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.pools import inside
from tests.engine.pools.watched_engine import WatchedEngine

CaptionLogits = dict[int, list[bytes]]
"""Request id to the logits of each word, all beams, to the bit."""


def record_logits(patch: pytest.MonkeyPatch, watched: WatchedEngine) -> CaptionLogits:
    """Record the logits that each caption's row is given from now on."""
    recorded: CaptionLogits = {}
    hear = CaptionRow.take_word

    def noted(row: CaptionRow, logits: Array) -> None:
        number = next((r.id for r in inside.running(watched.pool) if r.row is row), None)
        if number is not None:
            recorded.setdefault(number, []).append(logits.tobytes())
        hear(row, logits)

    patch.setattr(CaptionRow, "take_word", noted)
    return recorded


def caption_alone(
    artifact: Artifact, made: CaptionInput, variant: str, engine: WatchedEngine | None = None
) -> tuple[Answer, list[bytes]]:
    """Return a caption's answer and logits with no other request in the engine; done once.

    `engine`: an idle one to use instead of a fresh one.
    """
    key = (artifact.root, made.pixels.tobytes(), made.max_new_tokens, made.num_beams, variant)
    if key not in _ALONE:
        watched = engine or WatchedEngine(artifact)
        _ALONE[key] = _alone(watched, made, variant)
        if engine is None:
            watched.close()
    return _ALONE[key]


_ALONE: dict[tuple[object, ...], tuple[Answer, list[bytes]]] = {}


def _alone(watched: WatchedEngine, made: CaptionInput, variant: str) -> tuple[Answer, list[bytes]]:
    with pytest.MonkeyPatch.context() as patch:
        recorded = record_logits(patch, watched)
        request, future = watched.send(made, Budget(variant=variant))
        answer = future.result(20)
    return answer, recorded[request.id]


def caption_input(seed: int, beams: int = 1, limit: int | None = None) -> CaptionInput:
    return CaptionInput(picture(seed), limit, beams)


def same_logits(recorded: list[bytes], wanted: list[bytes], limit: float = 0.0) -> bool:
    """Tell whether as many words were recorded, each by its logits up to a relative distance.

    A library may sum in another order where a whole variant's batch has another size. With a limit
    of 0 they are compared to the bit.
    """
    if not limit:
        return recorded == wanted
    if len(recorded) != len(wanted):
        return False
    pairs = zip(recorded, wanted, strict=True)
    arrays = [[np.frombuffer(each, np.float32) for each in pair] for pair in pairs]
    return all(distance(*pair) <= limit for pair in arrays)


def pictures_first(patch: pytest.MonkeyPatch) -> None:
    """Let the scheduler show every caption its picture before any is written: then all write."""

    def best(rows: SortedRows, following: Next, snapshot: Snapshot, now: float) -> list[RowView]:
        seeing = [row for row in (*rows.first, *rows.newcomers) if row.route.kind != WORD]
        if not seeing:
            return best_kind(rows, following, snapshot, now)
        calls = [row.route.calls[row.position] for row in seeing]
        at = [row for row, call in zip(seeing, calls, strict=True) if call == calls[0]]
        return fill(at, snapshot.max_batch)

    patch.setattr("engine.elastic.decide.best_kind", best)


class RowCounts:
    """How many rows each stage was given."""

    def __init__(self, watched: WatchedEngine) -> None:
        self.calls: Counter[str] = Counter()
        self.rows: Counter[str] = Counter()
        watched.after = self._count

    def _count(self, stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        self.calls[stage] += 1
        self.rows[stage] += len(next(iter(inputs.values())))

    def of(self, kind: str) -> int:
        return sum(rows for stage, rows in self.rows.items() if stage.startswith(kind))


def free_slots(watched: WatchedEngine) -> int:
    return inside.free_slots(watched.pool)


def settle(watched: WatchedEngine) -> None:
    """Wait until the engine has let go of requests that left: it looks before every step."""
    watched.send(question(0), Budget())[1].result(20)


def taken_slots(watched: WatchedEngine) -> int:
    """How many slots of keys and values are taken."""
    return inside.taken_slots(watched.pool)
