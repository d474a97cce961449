from __future__ import annotations

from artifact.scoring.answers import normalize_answer
from artifact.scoring.phrases import phrase_recall
from tuning.world.captions import describe, phrases
from tuning.world.dataset import example, pair
from tuning.world.scene import Scene, SceneObject
from tuning.world.vocabulary import ANSWERS, WORDS, split

EXAMPLES = [example(12, index, 6) for index in range(4000)]


def scene_with(*kinds: tuple[str, str, str]) -> Scene:
    return Scene(
        objects=tuple(
            SceneObject(*kind, row=0, column=n, center_x=0, center_y=0, radius=0, rgb=(0, 0, 0))
            for n, kind in enumerate(kinds)
        ),
        ground_seed=0,
    )


def test_captions_read_like_sentences():
    red, blue = ("small", "red", "circle"), ("large", "blue", "square")
    green = ("large", "green", "cross")
    assert describe(scene_with(red)) == "a small red circle"
    assert describe(scene_with(red, blue)) == "a small red circle and a large blue square"
    assert (
        describe(scene_with(red, blue, green))
        == "a small red circle, a large blue square and a large green cross"
    )
    assert phrases(scene_with(red, blue)) == ["red circle", "blue square"]


def test_a_caption_contains_all_of_its_phrases():
    for scene, _, caption in EXAMPLES:
        assert phrase_recall(caption, phrases(scene)) == 1


def test_words_and_answers_are_closed_and_none_is_idle():
    used: set[str] = set()
    answers: set[str] = set()
    for _, questions, caption in EXAMPLES:
        used.update(split(caption))
        for each in questions:
            used.update(split(each.question))
            answers.add(each.answer)
    for index in range(1, 2000):
        for stated in pair(12, index, 2):
            used.update(split(stated.text))
    assert used == set(WORDS)
    assert answers == set(ANSWERS)
    assert len(set(WORDS)) == len(WORDS)
    assert len(set(ANSWERS)) == len(ANSWERS)


def test_answers_keep_their_order_and_survive_normalization():
    assert ANSWERS[:8] == ("yes", "no", "0", "1", "2", "3", "4", "5")
    assert len(ANSWERS) == 24
    assert [normalize_answer(answer) for answer in ANSWERS] == list(ANSWERS)
