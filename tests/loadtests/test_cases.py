"""The load tests' own parts: cases, forms, checks. Locust itself is run by hand."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from loadtests.cases import CONTENT_TYPE, CaptionCase, VqaCase, encode_form, load_cases
from loadtests.checks import Score, WrongAnswer, check_caption, check_vqa, requests_by_outcome
from server.http.multipart import parse_multipart

PHASES = ("decode", "preprocess", "queue", "stem", "blocks", "head", "total")


def served(**changes: Any) -> dict[str, Any]:
    return {
        "variant": "full",
        "skip_pattern": {"bits": "1100", "executed_orders": [0, 1]},
        "executed_blocks": 2,
        "quality": 0.9,
        "predicted_ms": 1.0,
        "deadline_met": True,
        "degraded": False,
        "timings_ms": dict.fromkeys(PHASES, 1.0),
        **changes,
    }


def answered(**changes: Any) -> dict[str, Any]:
    ranked = [{"answer": "Red.", "score": 0.9}, {"answer": "blue", "score": 0.1}]
    entry = served(question="what color?", answer="Red.", score=0.9, top_k=ranked)
    return {"answers": [{**entry, **changes}]}


CASE = VqaCase(b"", "what color?", "red")


def test_drawn_cases_are_pictures_and_the_same_every_time() -> None:
    cases = load_cases(None)
    assert cases == load_cases(None)
    assert Image.open(io.BytesIO(cases.vqa[0].image)).size == (96, 96)
    assert cases.vqa[0].answer is None


def test_a_world_gives_questions_answers_and_phrases(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/0.jpg").write_bytes(b"jpeg")
    question = {"image": "images/0.jpg", "question": "q?", "answer": "two", "kind": "counting"}
    caption = {"image": "images/0.jpg", "caption": "a red cross", "objects": ["red cross"]}
    (tmp_path / "vqa.jsonl").write_text(json.dumps(question) + "\n")
    (tmp_path / "caption.jsonl").write_text(json.dumps(caption) + "\n")
    cases = load_cases(tmp_path)
    assert cases.vqa == (VqaCase(b"jpeg", "q?", "two"),)
    assert cases.caption == (CaptionCase(b"jpeg", ("red cross",)),)


def test_the_form_is_one_the_server_reads() -> None:
    body = encode_form(b"\xff\xd8picture\r\n", {"question": "what?", "max_latency_ms": "5"})
    parts = {part.name: part.data for part in parse_multipart(body, CONTENT_TYPE)}
    assert parts == {
        "question": b"what?",
        "max_latency_ms": b"5",
        "image": b"\xff\xd8picture\r\n",
    }


def test_a_right_answer_counts_for_its_variant() -> None:
    score = Score()
    check_vqa(answered(), CASE, score)
    check_vqa(answered(answer="blue"), CASE, score)
    assert score.lines() == ["full       0.500 of 2"]


def test_captions_count_the_phrases_they_name() -> None:
    score = Score()
    body = {**served(), "caption": "a red cross and a small dot"}
    check_caption(body, CaptionCase(b"", ("red cross", "blue circle")), score)
    assert score.right["full"] == 0.5


@pytest.mark.parametrize(
    "body",
    [
        {},
        answered(question="another?"),
        answered(top_k=[]),
        answered(top_k=[{"answer": "a", "score": 0.1}, {"answer": "b", "score": 0.9}]),
        answered(executed_blocks=3),
        answered(timings_ms={"total": 1.0}),
        {"answers": [{"answer": "red"}]},
    ],
)
def test_what_is_not_whole_is_told(body: dict[str, Any]) -> None:
    with pytest.raises(WrongAnswer):
        check_vqa(body, CASE, Score())


def test_counters_are_summed_per_outcome() -> None:
    page = (
        "# HELP otmv_requests_total Requests.\n"
        'otmv_requests_total{outcome="ok",task="vqa",variant="full"} 5.0\n'
        'otmv_requests_total{outcome="ok",task="caption",variant="d2"} 2.0\n'
        'otmv_requests_total{outcome="late",task="vqa",variant="d2"} 1.0\n'
        'otmv_requests_created{outcome="ok",task="vqa",variant="full"} 1.7e9\n'
    )
    assert requests_by_outcome(page) == {"ok": 7.0, "late": 1.0}
