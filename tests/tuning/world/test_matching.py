"""Which caption is true of which picture, proved from the scenes themselves."""

from __future__ import annotations

from tuning.recipe import LADDER_SEED, QUALITY_SEED
from tuning.world.captions import describe
from tuning.world.dataset import scene_of
from tuning.world.matching import MEASURED_PICTURES, objects_in, told_apart, true_of
from tuning.world.scene import Scene

SCENES = 450
"""Enough for `MEASURED_PICTURES` that captions tell apart."""


def holds(said: Scene, shown: Scene) -> bool:
    """Tell whether all that one scene's caption names is in another: from objects, not words."""
    there = {(each.size, each.color, each.shape) for each in shown.objects}
    return all((each.size, each.color, each.shape) in there for each in said.objects)


def test_a_caption_is_true_where_all_it_names_is_there() -> None:
    scenes = [scene_of(5, index) for index in range(60)]
    for said in scenes:
        for shown in scenes:
            assert true_of(describe(said), describe(shown)) == holds(said, shown)


def test_each_of_200_captions_is_true_of_exactly_one_picture() -> None:
    for seed in (LADDER_SEED, QUALITY_SEED):
        scenes = [scene_of(seed, index) for index in range(SCENES)]
        chosen = told_apart([describe(scene) for scene in scenes])
        assert len(chosen) == MEASURED_PICTURES
        kept = [scenes[place] for place in chosen]
        for said in kept:
            assert [shown for shown in kept if holds(said, shown)] == [said]


def test_of_two_alike_only_the_first_is_kept() -> None:
    captions = [
        "a small red circle",
        "a small red circle and a large blue square",
        "a small red cross",
    ]
    assert told_apart(captions) == [0, 2]
    assert told_apart(captions[1:]) == [0, 1]
    assert told_apart(captions, most=1) == [0]


def test_objects_are_read_from_captions() -> None:
    assert objects_in("a small red circle, a large blue square and a small green cross") == {
        ("small", "red", "circle"),
        ("large", "blue", "square"),
        ("small", "green", "cross"),
    }
