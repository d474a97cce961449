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
from tests.engine.tiny_graphs import BLOCK_SPECS, SPECS, stage_file
from tests.engine.tiny_model import LABELS, NV, SIDE, VOCAB, WORDS, Array, TinyModel


def stage_names(config: ModelConfig) -> list[str]:
    blocks = [f"{kind}[{key}]" for key in range(config.keys) for kind in BLOCK_SPECS]
    return [*SPECS, *blocks]


def example_inputs(model: TinyModel, stage: str, batch: int, seed: int) -> dict[str, Array]:
    """Return distinct random inputs with a real mask."""
    rng = np.random.default_rng(seed)
    inputs, _ = SPECS.get(stage) or BLOCK_SPECS[stage.partition("[")[0]]
    sizes = {"B": batch, "L": 6, "N": NV + 6, "T": NV + 4}
    key = model.config.keys - 1 if stage in SPECS else int(stage.partition("[")[2][:-1])
    highs = {"pixels": 256, "tokens": VOCAB, "position": 8}
    highs["order"] = len(model.config.orders_of_key(key))
    found: dict[str, Array] = {}
    for name, (dtype, symbols) in inputs.items():
        shape = tuple(sizes[s] if isinstance(s, str) else s for s in symbols)
        if dtype == "float32":
            found[name] = rng.standard_normal(shape).astype(np.float32)
        elif dtype == "bool":
            found[name] = np.arange(shape[1]) < rng.integers(NV, shape[1] + 1, (batch, 1))
        else:
            found[name] = rng.integers(0, highs[name], shape).astype(dtype)
    return found


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_special_tokens(WORDS[:5])
    return tokenizer


QUALITY = {"full": 0.9, "d3": 0.85, "d2": 0.8, "d1": 0.6}


def write_tiny(
    out: Path,
    model: TinyModel | None = None,
    quality: dict[str, float | None] | None = None,
    golden_quality: float | None = None,
) -> Artifact:
    """Write a checked artifact with the ladder full, d3, d2, d1 and golden files."""
    model = model or TinyModel()
    config = model.config
    quality = dict(QUALITY) if quality is None else quality
    with ArtifactWriter(out) as writer:
        save_file(model.weights, writer.folder / WEIGHTS_NAME)
        raw = (writer.folder / WEIGHTS_NAME).read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        offsets = {n: 8 + length + e["data_offsets"][0] for n, e in header.items()}
        stages = {s: stage_file(writer.folder, s, model, offsets) for s in stage_names(config)}
        _tokenizer().save(str(writer.folder / "tokenizer.json"))
        (writer.folder / "labels.json").write_text(json.dumps(LABELS))
        golden = [
            StageCase(stage, inputs, model.run(stage, inputs))
            for number, stage in enumerate(stages)
            for inputs in [example_inputs(model, stage, 3, number)]
        ]
        write_stage_cases(writer.folder / STAGES_NAME, golden)
        record = _write_cases(writer.folder, model, golden_quality)
        full = SkipPattern.full(config.orders)
        variants = []
        for depth in range(config.orders, 0, -1):
            name = full.prefix(depth).variant_id(on_ladder=True)
            scores = {task: {"fp32": quality.get(name)} for task in config.tasks}
            variants.append(
                VariantRecord(
                    id=name,
                    pattern=full.prefix(depth).executed,
                    unique_parameters=16,
                    executed_parameters=16 * depth,
                    quality=scores,
                    quality_source="declared: for tests",
                )
            )
        manifest = Manifest(
            name="tiny",
            config=config,
            tasks=config.tasks,
            stages=stages,
            variants=tuple(variants),
            golden=record,
            text=TextRecord(
                bos=1, eos=2, pad=0, unk=3, mask=4, max_question_tokens=8, max_caption_tokens=7
            ),
            buckets=BucketRecord(text_lengths=(4, 8), batches=(1, 2, 4)),
        )
        return writer.commit(manifest)


def _write_cases(folder: Path, model: TinyModel, golden_quality: float | None) -> GoldenRecord:
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
