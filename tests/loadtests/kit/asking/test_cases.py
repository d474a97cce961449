from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image

from loadtests.kit.asking.cases import load_cases
from loadtests.kit.asking.tasks.caption import CaptionCase
from loadtests.kit.asking.tasks.vqa import VqaCase


def test_drawn_cases_are_pictures_and_the_same_every_time() -> None:
    cases = load_cases(None)
    assert cases == load_cases(None)
    assert Image.open(io.BytesIO(cases["vqa"][0].image)).size == (96, 96)
    assert cases["vqa"][0].answer is None


def test_a_world_gives_questions_answers_and_phrases(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0.jpg").write_bytes(b"jpeg")
    question = {"image": "images/0.jpg", "question": "q?", "answer": "two", "kind": "counting"}
    caption = {"image": "images/0.jpg", "caption": "a red cross", "objects": ["red cross"]}
    (tmp_path / "vqa.jsonl").write_text(json.dumps(question) + "\n")
    (tmp_path / "caption.jsonl").write_text(json.dumps(caption) + "\n")
    cases = load_cases(tmp_path)
    assert cases["vqa"] == (VqaCase(b"jpeg", "q?", "two"),)
    assert cases["caption"] == (CaptionCase(b"jpeg", ("red cross",)),)
