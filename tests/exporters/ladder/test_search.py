from __future__ import annotations

import itertools

import pytest
import torch

from artifact.pattern import SkipPattern
from artifact.task import REASON, VQA, TaskName
from exporters.ladder.search import Ladder, search
from exporters.tasks.caption import ExportedCaptions
from exporters.tasks.contract import SearchRows
from exporters.tasks.one_pass import Requests
from models.checkpoint import Checkpoint


def test_wide_beam_scores_every_pattern_as_the_model_does(
    checkpoint: Checkpoint,
    search_rows: dict[TaskName, SearchRows],
    questions: Requests,
    captions: ExportedCaptions,
    statements: Requests,
) -> None:
    model, mask_id = checkpoint.model, checkpoint.special.mask
    found = search(model, search_rows)
    patterns = {
        SkipPattern((0, *rest), 4)
        for count in range(4)
        for rest in itertools.combinations((1, 2, 3), count)
    }
    assert set(found.quality) == patterns
    assert found.evaluations == 8
    for pattern in patterns:
        run = pattern.executed
        with torch.inference_mode():
            vqa = model.answer(VQA, questions.pixels, questions.tokens, questions.mask, run)
            words = model.caption_logits(captions.pixels, captions.words, mask_id, run)
            truths = model.answer(
                REASON, statements.pixels, statements.tokens, statements.mask, run
            )
        right = float((vqa.argmax(1) == questions.classes).float().mean())
        real = captions.next_words >= 0
        next_right = float((words.argmax(-1) == captions.next_words)[real].float().mean())
        judged_right = float((truths.argmax(1) == statements.classes).float().mean())
        mean = (right + next_right + judged_right) / 3
        assert found.quality[pattern] == pytest.approx(mean, abs=1e-6)


def test_the_ladder_is_the_pattern_with_the_best_prefixes(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    found = search(checkpoint.model, search_rows)

    def mean(pattern: SkipPattern) -> float:
        depths = [min(depth, pattern.depth) for depth in range(1, 5)]
        return sum(found.quality[pattern.prefix(depth)] for depth in depths) / 4

    assert mean(found.pattern) == pytest.approx(max(mean(pattern) for pattern in found.quality))


def test_a_narrow_beam_scores_fewer(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    found = search(checkpoint.model, {VQA.name: search_rows[VQA.name]}, beam=1)
    assert found.evaluations < 8
    assert found.pattern in found.quality


def test_the_narrowest_beam_scores_every_prefix_of_the_stack(
    checkpoint: Checkpoint, search_rows: dict[TaskName, SearchRows]
) -> None:
    found = search(checkpoint.model, {VQA.name: search_rows[VQA.name]}, beam=1)
    full = SkipPattern.full(4)
    assert {full.prefix(depth) for depth in range(1, 5)} <= set(found.quality)


def test_of_equally_good_patterns_the_ladders_own_is_the_best() -> None:
    quality = {SkipPattern.from_bits(bits): 0.5 for bits in ("1100", "1010", "1001", "1111")}
    for spine in ("1010", "1111", "1001"):
        found = Ladder(SkipPattern.from_bits(spine), quality, 4, 0.0, 40)
        best = found.best(2)
        assert best is not None
        assert best.is_prefix_of(found.pattern)
    assert found.best(3) is None, "none of that depth was scored"
