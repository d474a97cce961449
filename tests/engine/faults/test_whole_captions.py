"""Captions of whole variants: a client leaves, numbers break, a stage throws; one request ends.

Three variants write in one round, so it has three calls: `d2`, `full` and the victim's, `slim`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.types import Budget
from tests.engine.artifacts.tiny_model import Array, picture
from tests.engine.artifacts.whole_model import VARIANTS, WHOLE, WholeCaptioner
from tests.engine.faults.caption_faults import (
    check_call_throws_for_victim,
    check_call_throws_once,
    check_client_leaves,
)
from tests.engine.faults.captions_together import VICTIM, CaptionsTogether
from tests.engine.pools.caption_logits import (
    caption_input,
    free_slots,
    pictures_first,
    settle,
    taken_slots,
)
from tests.engine.pools.fake_backend import fake_pool
from tests.engine.pools.request_counts import request_counts

SENT_VARIANTS = ("full", "slim", "slim", "d2", "slim")
CALLS = ["d2", "full", "slim"]
OUTPUTS = ["logits", "k_new.0", "v_new.3"]


@pytest.fixture(scope="module")
def small_gallery(gallery: Artifact) -> Artifact:
    """The gallery with no more stages than it takes: many tests load it."""
    variants = tuple(v for v in gallery.manifest.variants if v.id in SENT_VARIANTS)
    small = {"variants": variants, "tasks": ("caption", "vqa")}
    return replace(gallery, manifest=gallery.manifest.model_copy(update=small))


@pytest.fixture(params=[1, 3])
def captions(
    small_gallery: Artifact, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[CaptionsTogether]:
    pictures_first(monkeypatch)
    made = CaptionsTogether(small_gallery, monkeypatch, request.param, SENT_VARIANTS, limit=1e-5)
    yield made
    made.watched.close()


@pytest.mark.parametrize("call", CALLS)
def test_a_client_that_leaves_between_two_words(captions: CaptionsTogether, call: str) -> None:
    def due(stage: str, inputs: Mapping[str, Array]) -> bool:
        return bool(captions.slots()) and stage == f"whole_decode[caption:{call}]"

    check_client_leaves(captions, due)


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_word_that_is_not_finite(captions: CaptionsTogether, name: str) -> None:
    """In one beam of the victim's; what it keeps for the next word shows with that word."""
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        if not hit and captions.touches(stage, inputs):
            hit.append(len(inputs["tokens"]))
            outputs[name][captions.place(inputs)] = np.nan

    captions.watched.after = after
    captions.send_all()
    error = captions.victim[1].exception(20)
    if name == "logits" or error is not None:
        assert isinstance(error, InferenceFailed)
        assert error.stage == "whole_decode[caption:slim]"
    else:  # the beam that kept it was given up at that same word
        assert captions.made[VICTIM].num_beams > 1
        assert captions.victim[1].result(0).text == captions.by_itself(VICTIM)[0].text
    assert hit[0] > 1
    captions.check_others()


@pytest.mark.parametrize("name", ["k.0", "v.3"])
def test_a_picture_that_is_not_finite(captions: CaptionsTogether, name: str) -> None:
    hit: list[int] = []

    def after(stage: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]) -> None:
        seen = captions.watched.steps[-1]
        if len(captions.sent) < len(captions.made) or captions.victim[0].id not in seen.ids:
            return
        if stage.startswith("whole_image"):
            hit.append(len(seen.ids))
            outputs[name][seen.ids.index(captions.victim[0].id)] = np.nan

    captions.watched.after = after
    captions.send_all()
    with pytest.raises(InferenceFailed, match="finite"):
        captions.victim[1].result(20)
    assert len(hit) == 1
    captions.check_others()


def test_a_call_that_throws_for_one_row(captions: CaptionsTogether) -> None:
    check_call_throws_for_victim(captions, captions.touches)


@pytest.mark.parametrize(
    ("call", "when"), [("d2", "before"), ("slim", "before"), ("slim", "after")]
)
def test_a_call_that_throws_once_changes_no_answer(
    captions: CaptionsTogether, call: str, when: str
) -> None:
    """Also where it threw with everything computed and written."""

    def due(stage: str, inputs: Mapping[str, Array]) -> bool:
        return bool(captions.slots()) and stage == f"whole_decode[caption:{call}]"

    check_call_throws_once(captions, due, when)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("whole_image", "k.1"), ("whole_decode", "v_new.2"), ("whole_decode", "logits")],
)
def test_outputs_of_the_wrong_shape_fail_only_their_variant(
    gallery: Artifact, kind: str, name: str
) -> None:
    """On the NumPy twin: nothing checks its outputs before the engine does."""

    def wrong(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != f"{kind}[caption:slim]":
            return None
        found = WHOLE.run(stage, inputs)
        return found | {name: np.concatenate([found[name], found[name]], axis=-1)}

    pool, backend, clock = fake_pool(gallery, WHOLE)
    backend.hook = wrong
    sent = {
        variant: pool.submit(
            pool.admit("caption", Budget(variant=variant), clock.time_s), caption_input(1)
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
def test_a_variant_that_is_down_fails_its_own_only(captions: CaptionsTogether, kind: str) -> None:
    def during(stage: str, inputs: Mapping[str, Array]) -> None:
        if stage == f"{kind}[caption:slim]":
            raise RuntimeError("down")

    captions.watched.during = during
    captions.send_all()
    for place, (_, future) in enumerate(captions.sent):
        if SENT_VARIANTS[place] == "slim":
            assert isinstance(future.exception(20), InferenceFailed)
        else:
            assert future.result(20).text == captions.by_itself(place)[0].text
    captions.watched.during = lambda stage, inputs: None
    settle(captions.watched)
    assert (free_slots(captions.watched), taken_slots(captions.watched)) == (40, 0)
    assert request_counts(captions.pool)["slim", "error"] == SENT_VARIANTS.count("slim")
    assert captions.send(VICTIM)[1].result(20).text == captions.by_itself(VICTIM)[0].text
