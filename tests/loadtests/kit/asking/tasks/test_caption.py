from __future__ import annotations

from loadtests.kit.asking.answers import RightAnswers
from loadtests.kit.asking.tasks.caption import CaptionCase
from tests.loadtests.kit.asking.served import served


def test_captions_count_the_phrases_they_name() -> None:
    score = RightAnswers()
    body = {"answers": [served(caption="a red cross and a small dot")]}
    CaptionCase(b"", ("red cross", "blue circle")).check(body, score)
    assert score.right["full"] == 0.5
