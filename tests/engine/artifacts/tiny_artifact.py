"""A real artifact of a few kilobytes: hand-written ONNX graphs with a NumPy twin.

The block is simple arithmetic (a masked mean and one product, scaled per order), so that every
answer can be computed by hand, yet rows would disturb each other if masks or orders leaked.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from artifact.config import ModelConfig
from artifact.golden import (
    CASES_NAME,
    STAGES_NAME,
    LabelledCase,
    StageCase,
    write_labelled_cases,
    write_stage_cases,
)
from artifact.manifest import (
    WEIGHTS_NAME,
    BucketRecord,
    GoldenRecord,
    Manifest,
    TextRecord,
    VariantRecord,
)
from artifact.pattern import SkipPattern
from artifact.store import Artifact, ArtifactWriter
from tests.engine.artifacts.tiny_graphs import example_inputs, stage_file, stage_names
from tests.engine.artifacts.tiny_model import LABELS, SIDE, WORDS, TinyModel


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(WORDS[:5])
    return tokenizer


TEXT = TextRecord(bos=1, eos=2, pad=0, unk=3, mask=4, max_question_tokens=8, max_caption_tokens=7)
BUCKETS = BucketRecord(text_lengths=(4, 8), batches=(1, 2, 4))
QUALITY = {"full": 0.9, "d3": 0.85, "d2": 0.8, "d1": 0.6}


def write_tiny(
    out: Path,
    model: TinyModel | None = None,
    quality: dict[str, float | None] | None = None,
    golden_quality: float | None = None,
) -> Artifact:
    """Write a checked artifact with the ladder full, d3, d2, d1 and golden files."""
    model = model or TinyModel()
    quality = dict(QUALITY) if quality is None else quality
    with ArtifactWriter(out) as writer:
        offsets = write_weights(writer.folder, model)
        names = stage_names(model.config)
        stages = {name: stage_file(writer.folder, name, model, offsets) for name in names}
        write_words(writer.folder)
        golden = [
            StageCase(stage, inputs, model.run(stage, inputs))
            for number, stage in enumerate(stages)
            for inputs in [example_inputs(model, stage, 3, number)]
        ]
        write_stage_cases(writer.folder / STAGES_NAME, golden)
        manifest = Manifest(
            name="tiny",
            config=model.config,
            tasks=model.config.tasks,
            stages=stages,
            variants=ladder(model.config, quality),
            golden=write_cases(writer.folder, model, golden_quality),
            text=TEXT,
            buckets=BUCKETS,
        )
        return writer.commit(manifest)


def ladder(config: ModelConfig, quality: dict[str, float | None]) -> tuple[VariantRecord, ...]:
    """Return the records of the prefixes of the full variant, the deepest first."""
    full = SkipPattern.full(config.orders)
    records = []
    for depth in range(config.orders, 0, -1):
        name = full.prefix(depth).variant_id(on_ladder=True)
        records.append(
            VariantRecord(
                id=name,
                pattern=full.prefix(depth).executed,
                unique_parameters=16,
                executed_parameters=16 * depth,
                quality={task: {"fp32": quality.get(name)} for task in config.tasks},
                quality_source="declared: for tests",
            )
        )
    return tuple(records)


def write_weights(folder: Path, model: TinyModel) -> dict[str, int]:
    """Write the weights; return where in the file each tensor begins."""
    save_file(model.weights, folder / WEIGHTS_NAME)
    raw = (folder / WEIGHTS_NAME).read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    return {n: 8 + length + e["data_offsets"][0] for n, e in header.items()}


def write_words(folder: Path) -> None:
    _tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "labels.json").write_text(json.dumps(LABELS))


def write_cases(folder: Path, model: TinyModel, golden_quality: float | None) -> GoldenRecord:
    """Write pictures whose right answer is, by definition, the NumPy twin's."""
    rng = np.random.default_rng(7)
    full = SkipPattern.full(model.config.orders)
    cases = []
    (folder / "golden/images").mkdir(parents=True, exist_ok=True)
    for number in range(8):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        name = f"golden/images/{number}.png"
        Image.fromarray(pixels).save(folder / name)
        answer = LABELS[int(model.vqa(full, pixels, [1, 5, 6, 2]).argmax())]
        cases.append(LabelledCase(name, "vqa", "what colour", (answer,)))
        words = model.caption(full, pixels, 6)
        text = " ".join(WORDS[w] for w in words if w > 4)
        cases.append(LabelledCase(name, "caption", phrases=(text,) if text else ("a",)))
    write_labelled_cases(folder / CASES_NAME, cases)
    score = 1.0 if golden_quality is None else golden_quality
    return GoldenRecord(
        stages=STAGES_NAME, cases=CASES_NAME, count=len(cases), quality={"vqa": {"full": score}}
    )
