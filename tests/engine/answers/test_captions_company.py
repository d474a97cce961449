"""A caption is the same to the bit, whoever writes beside it, and whenever they come and go."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress

import pytest

from artifact.store import Artifact
from engine.errors import Cancelled, QueueFull
from engine.requests.request import Request
from engine.tasks.caption import CaptionInput
from engine.tasks.reason import ReasonInput
from engine.types import Answer, Budget
from tests.engine.artifacts.reference_captions import AloneCaptioner
from tests.engine.artifacts.tiny_model import Array
from tests.engine.pools.caption_logits import (
    Rows,
    alone,
    describe,
    free_slots,
    in_pool,
    listen,
    settled,
)
from tests.engine.pools.fake_backend import picture
from tests.engine.pools.fake_engine import JUDGE, MODEL
from tests.engine.pools.watched_engine import Watched, question, with_forks

VARIANTS = ["full", "p1011", "d2", "p1010", "d1"]
"""Of the forked artifact: some leave orders out."""


@pytest.fixture(scope="module")
def forked(trio: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return with_forks(trio, tmp_path_factory.mktemp("company") / "tiny")


class Party:
    """Captions come at any call of any stage; some leave there; questions ride along."""

    def __init__(self, artifact: Artifact, seed: int, patch: pytest.MonkeyPatch) -> None:
        self.pick = random.Random(seed)
        self.variants = [record.id for record in artifact.manifest.variants]
        self.watched = Watched(artifact, caption_slots=12)
        self.heard = listen(patch, self.watched)
        self.sent: dict[int, tuple[CaptionInput, str, Future[Answer]]] = {}
        self.tickets: dict[int, Request] = {}
        self.others: list[Future[Answer]] = []
        self.left = 14
        self.watched.during = self._during

    def come(self) -> None:
        pick, self.left = self.pick, self.left - 1
        limit = pick.choice((None, None, 1, 3))
        made = describe(pick.randrange(8), pick.choice((1, 1, 2, 3)), limit)
        variant = pick.choice(self.variants)
        with suppress(QueueFull):
            ticket, future = self.watched.send(made, Budget(variant=variant))
            self.sent[ticket.id], self.tickets[ticket.id] = (made, variant, future), ticket
        seed = pick.randrange(8)
        judged = ReasonInput((picture(seed), picture(seed + 1)), "what colour")
        asked = pick.choice((None, question(seed), judged))
        if asked is not None:
            self.others.append(self.watched.send(asked, Budget())[1])

    def _during(self, stage: str, inputs: Mapping[str, Array]) -> None:
        if self.left and self.pick.random() < 0.2:
            self.come()
        if self.pick.random() < 0.02:
            self.watched.pool.cancel(self.pick.choice(list(self.tickets.values())))

    def play(self) -> None:
        for _ in range(3):
            self.come()
        while self.left:
            self.come()
        for _, _, future in list(self.sent.values()):
            future.exception(20)
        for other in self.others:
            other.result(20)
        settled(self.watched)


@pytest.mark.parametrize("seed", range(12))
def test_alone_is_in_company(forked: Artifact, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    party = Party(forked, seed, monkeypatch)
    party.play()
    assert (free_slots(party.watched), in_pool(party.watched)) == (12, 0)
    party.watched.close()
    finished = 0
    for number, (made, variant, future) in party.sent.items():
        if isinstance(future.exception(0), Cancelled):
            continue
        finished += 1
        answer = future.result(0)
        by_itself, logits = alone(forked, made, variant)
        assert (answer.variant, answer.text) == (variant, by_itself.text)
        assert party.heard[number] == logits
    assert finished


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("beams", [1, 2, 3])
def test_it_is_what_each_beam_decodes_alone(forked: Artifact, variant: str, beams: int) -> None:
    """Against the NumPy twin that decodes every beam from nothing, without a pool."""
    watched = Watched(forked)
    watched.gate.clear()
    sent = [
        (seed, limit, watched.send(describe(seed, beams, limit), Budget(variant=variant))[1])
        for seed, limit in enumerate((None, None, None, 1, 3, 100)[: 32 // beams])
    ]
    watched.gate.set()
    pattern = forked.manifest.pattern(variant)
    for seed, limit, future in sent:
        words = AloneCaptioner(JUDGE, pattern, picture(seed)).text(beams, min(limit or 6, 6))
        assert future.result(20).text == forked.text_codec().decode(words)
    watched.close()


def test_the_reference_is_greedy_with_one_beam(tiny: Artifact) -> None:
    for variant in ("full", "d2"):
        pattern = tiny.manifest.pattern(variant)
        for seed in range(5):
            greedy = MODEL.caption(pattern, picture(seed), 6)
            assert AloneCaptioner(MODEL, pattern, picture(seed)).text(1, 6) == greedy


def test_more_beams_change_some_texts(tiny: Artifact) -> None:
    """Else the tests above would say little."""
    pattern = tiny.manifest.pattern("d2")
    texts = [AloneCaptioner(MODEL, pattern, picture(seed)) for seed in range(8)]
    assert any(one.text(1, 6) != one.text(3, 6) for one in texts)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("variant", ["full", "d3", "d1"])
def test_the_picture_is_seen_once_however_many_beams(
    tiny: Artifact, beams: int, variant: str
) -> None:
    watched = Watched(tiny)
    rows = Rows(watched)
    answer = watched.send(describe(1, beams), Budget(variant=variant))[1].result(20)
    assert rows.rows["stem[caption]"] == 1
    assert rows.of("block_image[") == answer.executed_blocks
    assert rows.calls["stem[decode]"] == rows.calls["head[caption]"] > 0
    watched.close()


def test_pictures_of_many_captions_are_seen_once_each(tiny: Artifact) -> None:
    watched = Watched(tiny)
    rows = Rows(watched)
    watched.gate.clear()
    sent = [watched.send(describe(seed, 3), Budget(variant="full"))[1] for seed in range(9)]
    watched.gate.set()
    for future in sent:
        future.result(20)
    assert rows.rows["stem[caption]"] == 9
    assert rows.of("block_image[") == 9 * 4
    watched.close()


def test_words_of_different_captions_share_calls(tiny: Artifact) -> None:
    """Eight texts, whatever their positions; calls are as large as a bucket."""
    watched = Watched(tiny)
    rows = Rows(watched)
    sizes: set[int] = set()
    watched.during = lambda stage, inputs: sizes.update(
        len(array) for array in inputs.values() if stage == "stem[decode]"
    )
    watched.gate.clear()
    sent = [watched.send(describe(seed), Budget(variant="full"))[1] for seed in range(8)]
    watched.gate.set()
    for future in sent:
        future.result(20)
    assert rows.calls["head[caption]"] <= 2 * 7
    assert rows.rows["head[caption]"] / rows.calls["head[caption]"] > 2
    assert sizes <= {1, 2, 4, 8}
    watched.close()
