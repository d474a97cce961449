"""Programs on real ONNX Runtime against answers computed by hand in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artifact.golden import relative_l2
from artifact.pattern import SkipPattern
from artifact.store import Artifact
from engine.errors import InferenceFailed
from engine.opening.open import open_solo
from engine.opening.solo import Solo
from engine.residency.family import Family
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.caption.row import CaptionRow
from engine.rows.one_pass import OnePassRow
from tests.engine.answers.solo_answers import caption_row, caption_words, question_row, vqa_logits
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import MODEL, Array, picture
from tests.engine.pools.fake_backend import FakeBackend

VARIANTS = ["full", "d3", "d2", "d1"]
QUESTIONS = [[1, 5, 2], [1, 5, 6, 2], [1, 5, 6, 7, 8, 2], [1, 3, 2], [1, 9, 10, 11, 9, 10, 11, 2]]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_tiny(tmp_path_factory.mktemp("solo") / "tiny", MODEL)


@pytest.fixture(scope="module")
def solo(artifact: Artifact) -> Solo:
    return open_solo(artifact)


@pytest.mark.parametrize("variant", VARIANTS)
def test_questions_of_all_lengths(artifact: Artifact, solo: Solo, variant: str) -> None:
    pixels = [picture(seed) for seed in range(5)]
    logits = vqa_logits(solo, variant, pixels, QUESTIONS)
    pattern = artifact.manifest.pattern(variant)
    for row, (image, tokens) in enumerate(zip(pixels, QUESTIONS, strict=True)):
        assert relative_l2(logits[row], MODEL.vqa(pattern, image, tokens)) < 1e-5


@pytest.mark.parametrize("variant", VARIANTS)
def test_captions_of_all_lengths(artifact: Artifact, solo: Solo, variant: str) -> None:
    pixels = [picture(seed) for seed in range(8)]
    pattern = artifact.manifest.pattern(variant)
    expected = [MODEL.caption(pattern, image, 6) for image in pixels]
    assert caption_words(solo, variant, pixels) == expected
    short = [words[:2] for words in expected]
    assert caption_words(solo, variant, pixels, max_new_tokens=2) == short


def test_the_captions_are_a_real_check(artifact: Artifact) -> None:
    pattern = artifact.manifest.pattern("full")
    captions = {tuple(MODEL.caption(pattern, picture(seed), 6)) for seed in range(8)}
    assert len({len(words) for words in captions}) > 1
    assert any(len(set(words)) > 1 for words in captions)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(VARIANTS), st.integers(0, 20), st.booleans(), st.integers(0, 4)),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 8),
)
def test_a_row_in_any_company_is_the_row_alone(
    mix: list[tuple[str, int, bool, int]], max_batch: int
) -> None:
    """Variants, tasks and lengths mixed in one run; NumPy twin as backend for speed."""
    artifact, solo = _mixed(max_batch)
    family = Family(artifact.manifest, "fp32")
    pool = KvPool(artifact.manifest.config, len(mix), family.cached_tokens)
    decoder = RoundRunner(artifact.manifest, pool, (1, 2, 4), solo._run_into)
    captions: list[tuple[CaptionRow, SkipPattern, int]] = []
    questions: list[tuple[OnePassRow, Array]] = []
    for variant, seed, caption, asked in mix:
        pattern = artifact.manifest.pattern(variant)
        if caption:
            row = caption_row(family, variant, picture(seed), pool)
            captions.append((row, pattern, seed))
        else:
            expected = MODEL.vqa(pattern, picture(seed), QUESTIONS[asked])
            questions.append(
                (question_row(family, variant, picture(seed), QUESTIONS[asked]), expected)
            )
    solo.run_rows([*(row for row, *_ in captions), *(row for row, _ in questions)])
    for found, expected in questions:
        assert found.logits is not None
        assert relative_l2(found.logits, expected) < 1e-5
    for (variant, *_), (row, *_) in zip([m for m in mix if m[2]], captions, strict=True):
        row.settle(family.member("caption", variant).programs)
    while going := [row for row, *_ in captions if not row.done]:
        round_ = decoder.begin(going[: 1 + len(going) // 2])  # some wait: positions part
        while not round_.finished:
            decoder.step(round_)
    for row, pattern, seed in captions:
        assert row.words == MODEL.caption(pattern, picture(seed), 6)


_SHARED: dict[str, Artifact] = {}


@pytest.fixture(autouse=True, scope="module")
def _share(artifact: Artifact) -> None:
    _SHARED["artifact"] = artifact


def _mixed(max_batch: int) -> tuple[Artifact, Solo]:
    artifact = _SHARED["artifact"]
    backend = FakeBackend(MODEL)
    return artifact, Solo(Family(artifact.manifest, "fp32"), backend.call, max_batch)


def test_a_variant_in_one_graph_is_one_step(artifact: Artifact) -> None:
    record = artifact.manifest.stages
    inputs = {**record["stem[vqa]"].inputs, "mask": record["block[0]"].inputs["mask"]}
    whole = record["head[vqa]"].model_copy(update={"inputs": inputs})
    variants = [v for v in artifact.manifest.variants if v.id in ("full", "d2")]
    manifest = artifact.manifest.model_copy(
        update={
            "tasks": ("vqa",),
            "variants": tuple(variants),
            "stages": {f"whole[vqa:{variant.id}]": whole for variant in variants},
        }
    )
    backend = FakeBackend(MODEL)

    def run_whole(stage: str, arrays: dict[str, Array]) -> dict[str, Array]:
        pattern = manifest.pattern(stage[len("whole[vqa:") : -1])
        lengths = arrays["mask"].sum(axis=1) - 5
        rows = zip(arrays["pixels"], arrays["tokens"], lengths, strict=True)
        logits = [MODEL.vqa(pattern, image, list(tokens[:n])) for image, tokens, n in rows]
        return {"logits": np.stack(logits)}

    backend.hook = run_whole
    family = Family(manifest, "fp32")
    assert family.member("vqa", "d2").stages == ("whole[vqa:d2]",)
    assert family.key_of_stage("whole[vqa:full]") == 1
    logits = vqa_logits(Solo(family, backend.call), "d2", [picture()] * 5, QUESTIONS)
    assert {stage for stage, _ in backend.calls} == {"whole[vqa:d2]"}
    for row, tokens in zip(logits, QUESTIONS, strict=True):
        expected = MODEL.vqa(manifest.pattern("d2"), picture(), tokens)
        assert relative_l2(row, expected) < 1e-5


def test_numbers_that_are_not_finite_are_an_error(artifact: Artifact) -> None:
    backend = FakeBackend(MODEL)
    backend.hook = lambda stage, inputs: (
        {"logits": np.full((1, 6), np.nan, np.float32)} if stage == "head[vqa]" else None
    )
    solo = Solo(Family(artifact.manifest, "fp32"), backend.call)
    with pytest.raises(InferenceFailed, match="not finite"):
        vqa_logits(solo, "d1", [picture()], [[1, 5, 2]])


def test_a_failure_keeps_no_slots(tiny: Artifact) -> None:
    backend, broken = FakeBackend(MODEL), [True]

    def hook(stage: str, inputs: dict[str, Array]) -> dict[str, Array] | None:
        if stage != "head[caption]" or not broken:
            return None
        broken.clear()
        return {"logits": np.full((len(inputs["y"]), 12), np.nan, np.float32)}

    backend.hook = hook
    solo = Solo(Family(tiny.manifest, "fp32"), backend.call, max_batch=4)
    pixels = [picture(seed) for seed in range(4)]
    with pytest.raises(InferenceFailed):
        caption_words(solo, "full", pixels)
    found = caption_words(solo, "full", pixels)
    full = tiny.manifest.pattern("full")
    assert found == [MODEL.caption(full, image, 6) for image in pixels]
