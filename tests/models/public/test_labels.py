from __future__ import annotations

import json
from pathlib import Path

import pytest

from models.public import UnreadableText, read_labels

LINES = '{"answer": "no", "label": 1}\n{"answer": "yes", "label": 0}\n'


@pytest.mark.parametrize("text", [LINES, LINES + "\n", '["yes", "no"]', ' ["yes", "no"]\n'])
def test_answers_stand_in_the_order_of_their_labels(tmp_path: Path, text: str) -> None:
    path = tmp_path / "answer2label.txt"
    path.write_text(text)
    assert read_labels(path, 2) == ("yes", "no")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("yes\nno\n", "no list of answers"),
        ('{"answer": "yes"}', "no field 'label'"),
        ('{"answer": "yes", "label": "a"}', "no list of answers"),
        ('{"answer": 1, "label": 0}', "an answer is no text"),
        (LINES.replace("1", "0"), "label 0 twice"),
        (LINES.replace("1", "2"), "labels are not 0, 1, 2"),
        ("", "an answer is no text"),
        ("[1, 2]", "an answer is no text"),
        ("3", "no list of answers"),
        (json.dumps(["a", "b", "c"]), "3 answers, the checkpoint has 2"),
    ],
)
def test_what_is_no_list_of_answers(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "answer2label.txt"
    path.write_text(text)
    with pytest.raises(UnreadableText, match=problem) as caught:
        read_labels(path, 2)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "answer2label.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UnreadableText, match="no list of answers"):
        read_labels(path, 2)
    with pytest.raises(UnreadableText, match="--labels"):
        read_labels(tmp_path / "nowhere.txt", 2)
