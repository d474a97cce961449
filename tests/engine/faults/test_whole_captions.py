"""Captions of whole variants: a client leaves, numbers break, a stage throws; one request ends.

Three variants write in one round, so it has three calls: `d2`, `full` and the victim's, `slim`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import Cancelled, InferenceFailed
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array
from tests.engine.artifacts.whole_model import VARIANTS, WHOLE, WholeCaptioner
from tests.engine.faults.captions_together import SECOND_WORD, VICTIM, Choir
from tests.engine.pools.caption_logits import (
    describe,
    free_slots,
    in_pool,
    pictures_first,
    same,
    settled,
)
from tests.engine.pools.fake_backend import fake_pool, picture
from tests.engine.test_pool import requests

SINGING = ("full", "slim", "slim", "d2", "slim")
CALLS = ["d2", "full", "slim"]
OUTPUTS = ["logits", "k_new.0", "v_new.3"]


@pytest.fixture(scope="module")
def singers(gallery: Artifact) -> Artifact:
    """The gallery with no more stages than it takes: many tests load it."""
    variants = tuple(v for v in gallery.manifest.variants if v.id in SINGING)
    small = {"variants": variants, "tasks": ("caption", "vqa")}
    return replace(gallery, manifest=gallery.manifest.model_copy(update=small))


@pytest.fixture(params=[1, 3])
def choir(
    singers: Artifact, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Choir]:
    pictures_first(monkeypatch)
    made = Choir(singers, monkeypatch, request.param, SINGING, limit=1e-5)
    yield made
    made.watched.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_client_that_leaves_between_two_words(choir: Choir, call: str) -> None:
    left_at: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if not left_at and choir.slots() and stage == f"whole_decode[caption:{call}]":
            choir.pool.cancel(choir.victim[0])
            left_at.append(len(choir.watched.steps))

    choir.watched.during = during
    choir.sing()
    with pytest.raises(Cancelled):
        choir.victim[1].result(20)
    choir.check_others()
    gone = choir.victim[0].id
    assert all(gone not in seen.ids for seen in choir.watched.steps[left_at[0] :])
    assert len(choir.pieces) <= SECOND_WORD + 1
    assert requests(choir.pool)["slim", "cancelled"] == 1


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_word_that_is_not_finite(choir: Choir, name: str) -> None:
    """In one beam of the victim's; what it keeps for the next word shows with that word."""
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if not hit and choir.touches(stage, inputs):
            hit.append(len(inputs["tokens"]))
            outputs[name][choir.place(inputs)] = np.nan

    choir.watched.after = after
    choir.sing()
    error = choir.victim[1].exception(20)
    if name == "logits" or error is not None:
        assert isinstance(error, InferenceFailed)
        assert error.stage == "whole_decode[caption:slim]"
    else:  # the beam that kept it was given up at that very word
        assert choir.made[VICTIM].num_beams > 1
        assert choir.victim[1].result(0).text == choir.by_itself(VICTIM)[0].text
    assert hit[0] > 1
    choir.check_others()


@pytest.mark.parametrize("name", ["k.0", "v.3"])
def test_a_picture_that_is_not_finite(choir: Choir, name: str) -> None:
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        seen = choir.watched.steps[-1]
        if len(choir.sent) < len(choir.made) or choir.victim[0].id not in seen.ids:
            return
        if stage.startswith("whole_image"):
            hit.append(len(seen.ids))
            outputs[name][seen.ids.index(choir.victim[0].id)] = np.nan

    choir.watched.after = after
    choir.sing()
    with pytest.raises(InferenceFailed, match="finite"):
        choir.victim[1].result(20)
    assert len(hit) == 1
    choir.check_others()


def test_a_call_that_throws_for_one_row(choir: Choir) -> None:
    sizes: list[int] = []

    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if choir.touches(stage, inputs):
            sizes.append(len(inputs["tokens"]))
            raise RuntimeError("this row")

    choir.watched.during = during
    choir.sing()
    with pytest.raises(InferenceFailed, match="this row"):
        choir.victim[1].result(20)
    assert sizes[0] > 1
    assert sizes[1:] == [1]
    choir.watched.during = lambda stage, inputs: None
    choir.check_others()
    assert requests(choir.pool)["slim", "error"] == 1


@pytest.mark.parametrize(
    ("call", "when"), [("d2", "before"), ("slim", "before"), ("slim", "after")]
)
def test_a_call_that_throws_once_harms_nobody(choir: Choir, call: str, when: str) -> None:
    """Also where it threw with everything computed and written."""
    thrown: list[str] = []

    def throw(stage: str, inputs: Mapping[str, Array]) -> None:
        if not thrown and choir.slots() and stage == f"whole_decode[caption:{call}]":
            thrown.append(stage)
            raise MemoryError("a hiccup")

    if when == "before":
        choir.watched.during = throw
    else:
        choir.watched.after = lambda stage, inputs, outputs: throw(stage, inputs)
    choir.sing()
    answer, logits = choir.by_itself(VICTIM)
    assert choir.victim[1].result(20).text == answer.text
    assert same(choir.heard[choir.victim[0].id], logits, 1e-5)
    assert thrown
    choir.check_others()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("whole_image", "k.1"), ("whole_decode", "v_new.2"), ("whole_decode", "logits")],
)
def test_outputs_of_the_wrong_shape_fail_whose_variant_it_is(
    gallery: Artifact, kind: str, name: str
) -> None:
    """On the NumPy twin, whose outputs nobody checks before the engine."""

    def wrong(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != f"{kind}[caption:slim]":
            return None
        found = WHOLE.run(stage, inputs)
        return found | {name: np.concatenate([found[name], found[name]], axis=-1)}

    pool, backend, clock = fake_pool(gallery, WHOLE)
    backend.hook = wrong
    sent = {
        variant: pool.submit(
            pool.admit("caption", Budget(variant=variant), clock.time_s), describe(1)
        )
        for variant in VARIANTS
    }
    for variant, future in sent.items():
        if variant == "slim":
            assert isinstance(future.exception(20), InferenceFailed)
        else:
            words = WholeCaptioner(variant, picture(1)).text(1, 6)
            assert future.result(20).text == gallery.text_codec().decode(words)
    pool.close()


@pytest.mark.parametrize("kind", ["whole_image", "whole_decode"])
def test_a_variant_that_is_down_fails_its_own_only(choir: Choir, kind: str) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if stage == f"{kind}[caption:slim]":
            raise RuntimeError("down")

    choir.watched.during = during
    choir.sing()
    for place, (_, future) in enumerate(choir.sent):
        if SINGING[place] == "slim":
            assert isinstance(future.exception(20), InferenceFailed)
        else:
            assert future.result(20).text == choir.by_itself(place)[0].text
    choir.watched.during = lambda stage, inputs: None
    settled(choir.watched)
    assert (free_slots(choir.watched), in_pool(choir.watched)) == (40, 0)
    assert requests(choir.pool)["slim", "error"] == SINGING.count("slim")
    assert choir.send(VICTIM)[1].result(20).text == choir.by_itself(VICTIM)[0].text
