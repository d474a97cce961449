"""The artifact an exporter writes: composed = whole = torch, alone = in company."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from artifact.errors import ArtifactError
from artifact.golden import relative_l2
from artifact.manifest import WEIGHTS_NAME, SplitsRecord
from artifact.stage import StageName
from artifact.store import Artifact, open_artifact
from artifact.task import REASON, VQA
from engine.backends.registry import open_backend
from engine.opening.open import open_solo
from engine.opening.scoring import answers_to
from exporters.examples import Example, picture
from exporters.export import ExportOptions, Splits, export
from exporters.tasks.one_pass import Requests
from models.checkpoint import Checkpoint
from tests.engine.answers.solo_answers import caption_words, reason_logits, vqa_logits


def test_composed_equals_monolithic_equals_torch(
    checkpoint: Checkpoint, exported: Artifact, questions: Requests
) -> None:
    solo = open_solo(exported, max_batch=5)
    backend = open_backend("onnxruntime")
    tokens = [row[row != 1].tolist() for row in questions.tokens]
    image = torch.ones(len(tokens), checkpoint.model.config.image_tokens, dtype=torch.bool)
    for variant in exported.manifest.variants:
        name = StageName.whole(VQA.name, variant.id)
        record = exported.manifest.stages[name]
        monolithic = backend.load(name, exported.path(record.file), record).run(
            {
                "pixels": questions.pixels.numpy(),
                "tokens": questions.tokens.numpy(),
                "mask": torch.cat([image, questions.mask], 1).numpy(),
            }
        )["logits"]
        composed = vqa_logits(solo, variant.id, list(questions.pixels.numpy()), tokens)
        with torch.inference_mode():
            reference = checkpoint.model.answer(
                VQA, questions.pixels, questions.tokens, questions.mask, variant.pattern
            )
        assert relative_l2(composed, monolithic) <= 1e-5
        assert relative_l2(composed, reference.numpy()) <= 1e-5


def test_statements_equal_torch(
    checkpoint: Checkpoint, exported: Artifact, statements: Requests
) -> None:
    solo = open_solo(exported, max_batch=5)
    tokens = [row[row != 1].tolist() for row in statements.tokens]
    pairs = [(left, right) for left, right in statements.pixels.numpy()]
    for variant in exported.manifest.variants:
        composed = reason_logits(solo, variant.id, pairs, tokens)
        with torch.inference_mode():
            reference = checkpoint.model.answer(
                REASON, statements.pixels, statements.tokens, statements.mask, variant.pattern
            )
        assert relative_l2(composed, reference.numpy()) <= 1e-5


def test_captions_equal_torch(
    checkpoint: Checkpoint, exported: Artifact, questions: Requests
) -> None:
    solo = open_solo(exported, max_batch=3)
    pictures = questions.pixels[::6]
    for variant in exported.manifest.variants:
        written = caption_words(solo, variant.id, list(pictures.numpy()), max_new_tokens=9)
        reference = checkpoint.model.generate(pictures, checkpoint.special, variant.pattern, 9)
        for words, row in zip(written, reference.tolist(), strict=True):
            ended = row.index(checkpoint.special.eos) if checkpoint.special.eos in row else 9
            assert words == row[:ended]


def test_a_row_alone_equals_the_row_in_company(exported: Artifact, questions: Requests) -> None:
    """Rows of different lengths and orders share batches; no answer may move."""
    tokens = [row[row != 1].tolist() for row in questions.tokens]
    pixels = list(questions.pixels.numpy())
    alone = open_solo(exported, max_batch=1)
    company = open_solo(exported, max_batch=16)
    for variant in exported.manifest.variants:
        one = vqa_logits(alone, variant.id, pixels[:12], tokens[:12])
        many = vqa_logits(company, variant.id, pixels, tokens)[:12]
        assert relative_l2(one, many) <= 1e-5


def test_quality_and_golden_cases_are_recorded(exported: Artifact, examples: list[Example]) -> None:
    manifest = exported.manifest
    assert manifest.golden is not None
    assert manifest.golden.count == len(examples)
    for variant in manifest.variants:
        assert variant.quality_source == (
            "measured: report, 60 vqa examples, 10 caption examples, 18 reason examples"
        )
        for task in manifest.tasks:
            value = variant.quality[task]["fp32"]
            assert value is not None
            assert 0.0 <= value <= 1.0
            assert manifest.golden.quality[task][variant.id] == pytest.approx(value, abs=1e-4)
    assert open_artifact(exported.root).hash == exported.hash


def test_agreement_is_that_of_the_answers(exported: Artifact, examples: list[Example]) -> None:
    manifest, solo = exported.manifest, open_solo(exported)
    assert manifest.deepest == "full"
    side_px = manifest.config.image_size
    for task in manifest.tasks:
        asked = [example for example in examples if example.task == task]
        seen = [tuple(picture(image, side_px) for image in e.images) for e in asked]
        said = {
            variant.id: answers_to(exported, solo, task, variant.id, asked, seen)
            for variant in manifest.variants
        }
        for variant in manifest.variants:
            same = [a == b for a, b in zip(said[variant.id], said["full"], strict=True)]
            found = variant.agreement_of(task, "bf16")
            assert found == pytest.approx(sum(same) / len(same), abs=1e-4)
    card = (exported.root / "MODEL_CARD.md").read_text()
    assert card.startswith("card\n## Agreement")
    assert "| full | 100.0 % | 100.0 % | 100.0 % |" in card


@pytest.mark.parametrize("victim", ["block.0.onnx", WEIGHTS_NAME])
def test_a_flipped_byte_is_refused(exported: Artifact, tmp_path: Path, victim: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(exported.root, copy)
    raw = bytearray((copy / victim).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / victim).write_bytes(raw)
    with pytest.raises(Exception, match=victim):
        open_artifact(copy)


def test_the_manifest_names_the_data_that_chose_and_the_data_that_reports(
    exported: Artifact,
) -> None:
    manifest = exported.manifest
    assert manifest.splits == SplitsRecord(chose="search", reported="report")
    assert manifest.ladder is not None
    assert manifest.ladder.split == "search"
    assert all("report" in (each.quality_source or "") for each in manifest.variants)


def test_what_chooses_never_reports(examples: list[Example]) -> None:
    with pytest.raises(ValidationError, match="both chose the variants and reports"):
        SplitsRecord(chose="val", reported="val")
    few = examples[:3]
    with pytest.raises(ArtifactError, match="1 pictures choose the variants and report") as caught:
        Splits(few, few, few, ("a", "b"))
    assert "report on other pictures" in str(caught.value)


@pytest.mark.slow
def test_a_chain_is_exported_with_what_it_costs(
    checkpoint: Checkpoint, splits: Splits, tmp_path: Path
) -> None:
    options = ExportOptions(whole="none", card="card\n", chained=True)
    made = export(checkpoint, tmp_path / "chain", splits, options, lambda what, share: None)
    manifest = open_artifact(made.root).manifest
    patterns = [manifest.pattern(variant.id) for variant in manifest.variants]
    assert all(each.is_prefix_of(patterns[-1]) for each in patterns)
    assert manifest.variants[-1].id == "full"
    assert manifest.ladder is not None
    assert manifest.ladder.chain is not None
    assert manifest.ladder.chain.split == "report"
    assert [stop.variant for stop in manifest.ladder.chain.stops] == [
        variant.id for variant in manifest.variants
    ]
    card = (made.root / "MODEL_CARD.md").read_text("utf-8")
    assert card.startswith("card\n")
    assert "## One chain" in card
