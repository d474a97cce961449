"""What the tiny model answers when a request is alone, and a check against it."""

from __future__ import annotations

import numpy as np

from artifact.store import Artifact
from engine.tasks.vqa import VqaInput
from engine.types import Answer
from tests.engine.artifacts.tiny_model import LABELS, MODEL, Array, TinyModel, picture

QUESTIONS = {"what colour": [1, 5, 6, 2], "what colour is a b": [1, 5, 6, 7, 9, 10, 2]}
"""Questions of both text buckets, and their tokens."""


def expected(artifact: Artifact, variant: str, seed: int) -> str:
    logits = MODEL.vqa(artifact.manifest.pattern(variant), picture(seed), [1, 5, 6, 2])
    return LABELS[int(logits.argmax())]


def distance(found: Array, wanted: Array) -> float:
    """Return the relative L2 distance."""
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def check_alone(
    artifact: Artifact, model: TinyModel, answer: Answer, seed: int, question: str, limit: int = 6
) -> None:
    """The answer is what its variant gives this picture and question when it is alone."""
    pattern = artifact.manifest.pattern(answer.variant)
    assert answer.executed == pattern.executed
    if answer.task == "caption":
        text = artifact.text_codec().decode(model.caption(pattern, picture(seed), min(limit, 6)))
        assert answer.text == text
        return
    logits = np.asarray(model.vqa(pattern, picture(seed), QUESTIONS[question]), np.float64)
    scores = np.exp(logits - logits.max())
    scores /= scores.sum()
    found = np.array([score for _, score in answer.labels])
    best = np.sort(scores)[::-1]
    assert distance(found, best) <= 1e-5
    assert answer.labels[0][0] == LABELS[int(logits.argmax())]


def question(seed: int, words: str = "what colour") -> VqaInput:
    return VqaInput(picture(seed), words, top_k=6)
