"""Streamed pieces, joined, are the text, also where a listener is slow or throws."""

from __future__ import annotations

import threading

import pytest

from artifact.store import Artifact
from engine.errors import InvalidInput
from engine.types import Budget
from tests.engine.artifacts.tiny_model import MODEL, picture
from tests.engine.pools.caption_logits import caption_input, free_slots, taken_slots
from tests.engine.pools.watched_engine import WatchedEngine


@pytest.mark.parametrize("limit", [None, 1, 2, 6, 100])
@pytest.mark.parametrize("variant", ["full", "d2"])
def test_pieces_joined_are_the_text(tiny: Artifact, variant: str, limit: int | None) -> None:
    watched = WatchedEngine(tiny)
    watched.gate.clear()
    budget = Budget(variant=variant)
    pieces: list[list[str]] = [[] for _ in range(8)]
    told = [
        watched.send(caption_input(seed, 1, limit), budget, pieces[seed].append)[1]
        for seed in range(8)
    ]
    quiet = [watched.send(caption_input(seed, 1, limit), budget)[1] for seed in range(8)]
    watched.gate.set()
    for seed in range(8):
        text = told[seed].result(20).text
        assert "".join(pieces[seed]) == text == quiet[seed].result(20).text
        assert all(pieces[seed])
        words = MODEL.caption(tiny.manifest.pattern(variant), picture(seed), min(limit or 6, 6))
        assert text == tiny.text_codec().decode(words)
    assert limit in (1, 2) or max(map(len, pieces)) > 1
    watched.close()


def test_a_piece_comes_while_the_text_is_written(tiny: Artifact) -> None:
    watched = WatchedEngine(tiny)
    piece_at: list[int] = []
    seed = longest(tiny)
    _, future = watched.send(
        caption_input(seed), Budget(variant="full"), lambda _: piece_at.append(len(watched.steps))
    )
    future.result(20)
    assert piece_at[0] < piece_at[-1] <= len(watched.steps)
    assert len(piece_at) > 2
    watched.close()


def longest(artifact: Artifact) -> int:
    pattern = artifact.manifest.pattern("full")
    return max(range(8), key=lambda seed: len(MODEL.caption(pattern, picture(seed), 6)))


def test_a_listener_that_throws_changes_no_answer(tiny: Artifact) -> None:
    watched = WatchedEngine(tiny)
    calls: list[str] = []

    def broken(piece: str) -> None:
        calls.append(piece)
        raise RuntimeError("the socket is gone")

    watched.gate.clear()
    bad = watched.send(caption_input(longest(tiny)), Budget(variant="full"), broken)[1]
    good = [watched.send(caption_input(seed), Budget(variant="full"))[1] for seed in range(4)]
    watched.gate.set()
    codec, pattern = tiny.text_codec(), tiny.manifest.pattern("full")
    wanted = [codec.decode(MODEL.caption(pattern, picture(seed), 6)) for seed in range(8)]
    assert bad.result(20).text == wanted[longest(tiny)]
    assert [future.result(20).text for future in good] == wanted[:4]
    assert len(calls) > 1
    assert watched.pool.drain(20)
    assert (free_slots(watched), taken_slots(watched)) == (32, 0)
    watched.close()


def test_beams_and_streaming_exclude_each_other(tiny: Artifact) -> None:
    watched = WatchedEngine(tiny)
    with pytest.raises(InvalidInput, match="num_beams"):
        watched.send(caption_input(0, 2), Budget(), lambda piece: None)
    assert free_slots(watched) == 32
    assert watched.pool.drain(1)
    watched.close()


def test_draining_waits_for_the_last_piece(tiny: Artifact) -> None:
    watched = WatchedEngine(tiny)
    last, go_on, pieces = threading.Event(), threading.Event(), []
    seed = longest(tiny)
    words = MODEL.caption(tiny.manifest.pattern("full"), picture(seed), 6)
    text = tiny.text_codec().decode(words)

    def slow(piece: str) -> None:
        pieces.append(piece)
        if "".join(pieces) == text:
            last.set()
            go_on.wait(20)

    _, future = watched.send(caption_input(seed), Budget(variant="full"), slow)
    assert last.wait(20)
    drained = watched.pool.drain(0.01)
    finished = future.done()
    go_on.set()
    assert future.result(20).text == text
    watched.close()
    assert drained == finished
