"""Artifacts that older releases exported: opened today, they give the answers recorded then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from artifact.golden import relative_l2
from artifact.store import Artifact, open_artifact
from artifact.task import TASKS, VQA
from engine.backends.registry import open_backend
from engine.opening.open import open_solo
from engine.opening.solo import Solo
from tests.engine.answers.solo_answers import caption_words, reason_logits, vqa_logits
from tests.fixtures.old_artifacts.recorded import ARTIFACTS, MAX_NEW_TOKENS, V1, pixels, recorded

LIMIT = 1e-5
"""Largest relative L2 of logits between two releases."""

Case = dict[str, Any]
Pictures = Sequence[NDArray[np.uint8]]


def logits_of(solo: Solo, case: Case, seen: Pictures, tokens: list[int]) -> NDArray[np.float32]:
    """Ask for the logits of one request of a task that writes no words."""
    if TASKS[case["task"]].pictures == 1:
        return vqa_logits(solo, case["variant"], seen, [tokens])[0]
    return reason_logits(solo, case["variant"], [(seen[0], seen[1])], [tokens])[0]


def check(artifact: Artifact, solo: Solo, case: Case) -> None:
    codec, task = artifact.text_codec(), TASKS[case["task"]]
    seen = [pixels(name, artifact.manifest.config.image_size) for name in case["pictures"]]
    if task.writes:
        (words,) = caption_words(solo, case["variant"], seen, MAX_NEW_TOKENS)
        assert (words, codec.decode(words)) == (case["words"], case["answer"])
        return
    found = logits_of(solo, case, seen, codec.encode_question(case["text"]))
    assert relative_l2(found, np.array(case["logits"])) <= LIMIT
    assert artifact.labels_of(task)[int(found.argmax())] == case["answer"]


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_recorded_answer_is_given_again(name: str) -> None:
    artifact = open_artifact(V1 / name)
    solo, cases = open_solo(artifact), recorded(name)
    variants = {variant.id for variant in artifact.manifest.variants}
    for task in artifact.manifest.tasks:
        assert {case["variant"] for case in cases if case["task"] == task} == variants
    for case in cases:
        check(artifact, solo, case)


def test_a_whole_variant_beside_the_stages_gives_the_recorded_logits() -> None:
    artifact = open_artifact(V1 / "composed")
    (stage,) = VQA.whole_stages("full")
    record = artifact.manifest.stages[stage]
    loaded = open_backend("onnxruntime").load(stage, artifact.path(record.file), record)
    config, codec = artifact.manifest.config, artifact.text_codec()
    wanted = (VQA.name, "full")
    asked = [c for c in recorded("composed") if (c["task"], c["variant"]) == wanted]
    assert asked
    for case in asked:
        tokens = np.array([codec.encode_question(case["text"])])
        mask = np.ones((1, config.image_tokens + tokens.shape[1]), bool)
        picture = pixels(case["pictures"][0], config.image_size)[None]
        logits = loaded.run({"pixels": picture, "tokens": tokens, "mask": mask})["logits"]
        assert relative_l2(np.asarray(logits)[0], np.array(case["logits"])) <= LIMIT
