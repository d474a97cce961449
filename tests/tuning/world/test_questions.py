"""Every answer is recomputed from the question's text by a second, independent reading."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from tuning.world.dataset import MAX_QUESTIONS, example, scene_of
from tuning.world.errors import WorldError
from tuning.world.questions import KINDS, QuestionAnswer, ask
from tuning.world.scene import COLORS, SHAPES, SIZES, Scene, SceneObject

EXAMPLES = [example(8, index, 6)[:2] for index in range(4000)]
ASKED = [(scene, each) for scene, questions in EXAMPLES for each in questions]
ATTRIBUTES = {"size": SIZES, "color": COLORS, "shape": SHAPES}
SINGULAR = {f"{shape}es" if shape == "cross" else f"{shape}s": shape for shape in SHAPES}


def matching(scene: Scene, noun: str) -> list[SceneObject]:
    words = [SINGULAR.get(word, word) for word in noun.split()]
    wanted = [word for word in words if word not in ("object", "objects")]
    return [i for i in scene.objects if set(wanted) <= {i.size, i.color, i.shape}]


def the_one(scene: Scene, noun: str) -> SceneObject:
    (item,) = matching(scene, noun)
    return item


def answer_again(scene: Scene, question: str) -> tuple[str, str]:
    """Return (kind, answer), from the text and the scene alone."""
    if found := re.fullmatch(r"(?:what|which) (\w+) is the (.+)\?", question):
        return "attribute", getattr(the_one(scene, found[2]), found[1])
    if found := re.fullmatch(r"what is the (\w+) of the (.+)\?", question):
        return "attribute", getattr(the_one(scene, found[2]), found[1])
    if found := re.fullmatch(r"is the (.+) small or large\?", question):
        return "attribute", the_one(scene, found[1]).size
    if found := re.fullmatch(r"how many (.+) (?:are there|can you see|does the .+)\?", question):
        return "counting", str(len(matching(scene, found[1])))
    if found := re.fullmatch(
        r"(?:is there|can you see|does the picture show) an? (.+)\?", question
    ):
        return "existence", "yes" if matching(scene, found[1]) else "no"
    if found := re.fullmatch(
        r"(?:is|does) the (.+?) (?:lie )?(left of|right of|above|below) the (.+)\?", question
    ):
        first, second = the_one(scene, found[1]), the_one(scene, found[3])
        dx, dy = first.center_x - second.center_x, first.center_y - second.center_y
        true = {"left of": dx < 0, "right of": dx > 0, "above": dy < 0, "below": dy > 0}
        axis = ("row", "column")[found[2].endswith("of")]
        assert getattr(first, axis) != getattr(second, axis)
        return "relation", "yes" if true[found[2]] else "no"
    found = re.fullmatch(
        r"(?:where is|where does|in which corner is) the (.+?)(?: lie)?\?", question
    )
    assert found, question
    item = the_one(scene, found[1])
    vertical = "top" if item.center_y < 0.5 else "bottom"
    return "position", f"{vertical} {'left' if item.center_x < 0.5 else 'right'}"


def template(question: str) -> str:
    """Return the question with every value replaced by its attribute's name."""
    names = {value: name for name, values in ATTRIBUTES.items() for value in values}
    names |= dict.fromkeys(SINGULAR, "shape")
    names |= dict.fromkeys(("left", "right", "above", "below"), "side")
    return " ".join(names.get(word, word) for word in question[:-1].split())


def share_guessed(form) -> float:
    """Learn the commonest answer per `form(question)` on one half, score on the other."""
    learned: dict[str, Counter[str]] = defaultdict(Counter)
    half = len(ASKED) // 2
    for _, each in ASKED[:half]:
        learned[form(each.question)][each.answer] += 1
    best = {key: answers.most_common(1)[0][0] for key, answers in learned.items()}
    return sum(best.get(form(e.question)) == e.answer for _, e in ASKED[half:]) / half


def test_every_answer_agrees_with_the_scene():
    for scene, each in ASKED:
        assert answer_again(scene, each.question) == (each.kind, each.answer)


def test_questions_of_one_scene_differ():
    for _, questions in EXAMPLES:
        assert len({each.question for each in questions}) == len(questions) == 6


def test_kinds_have_their_shares():
    shares = Counter(each.kind for _, each in ASKED)
    assert set(shares) == set(KINDS)
    shares["place"] = shares.pop("position") + shares.pop("relation")
    wanted = {"attribute": 0.45, "existence": 0.15, "counting": 0.2, "place": 0.2}
    assert {kind: count / len(ASKED) for kind, count in shares.items()} == pytest.approx(
        wanted, abs=0.02
    )


@pytest.mark.parametrize("kind", ["existence", "relation"])
def test_yes_and_no_are_balanced(kind: str):
    answers = Counter(each.answer for _, each in ASKED if each.kind == kind)
    assert 0.45 < answers["yes"] / (answers["yes"] + answers["no"]) < 0.55


def test_counting_rarely_answers_zero_but_reaches_five():
    answers = Counter(each.answer for _, each in ASKED if each.kind == "counting")
    assert set(answers) == set("012345")
    assert answers["0"] < 0.2 * answers.total()
    assert answers.most_common(1)[0][1] < 0.4 * answers.total()


def test_false_existence_is_close_to_the_picture():
    for scene, each in ASKED:
        if each.kind == "existence" and each.answer == "no":
            words = re.sub(r".* an? ", "", each.question[:-1]).split()
            seen = {value for i in scene.objects for value in (i.size, i.color, i.shape)}
            assert sum(word not in seen for word in words) <= 1


def test_the_text_alone_does_not_give_the_answer():
    assert share_guessed(template) < 0.4
    assert share_guessed(lambda question: question) < 0.4


def test_many_questions_can_be_asked_about_any_scene():
    for index in range(300):
        _, questions, _ = example(9, index, MAX_QUESTIONS)
        assert len({each.question for each in questions}) == MAX_QUESTIONS


def test_asking_too_much_is_an_error_not_a_hang():
    scene = next(s for s in (scene_of(9, i) for i in range(50)) if len(s.objects) == 1)
    with pytest.raises(WorldError, match="ask for fewer questions"):
        ask(scene, np.random.default_rng(0), 5000)


def test_a_question_is_plain_text():
    for _, each in ASKED[:3000]:
        assert isinstance(each, QuestionAnswer)
        assert re.fullmatch(r"[a-z ]+\?", each.question)
        assert "  " not in each.question
        assert not re.search(r"\ba [aeiou]", each.question)
