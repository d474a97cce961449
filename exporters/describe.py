"""What the manifest says of a checkpoint before anything is measured."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from tokenizers import Tokenizer

from artifact.config import ModelConfig
from artifact.golden import STAGES_NAME
from artifact.manifest import (
    WRITER,
    BucketRecord,
    GoldenRecord,
    Manifest,
    StageFile,
    TextRecord,
    VariantRecord,
)
from artifact.pattern import SkipPattern
from artifact.task import EMBED, asked_of
from exporters import accounting
from exporters.tasks import exported_tasks
from models.checkpoint import Checkpoint, token_id
from models.series import OtmvModel

TEXT_LENGTHS = (8, 12, 16, 24, 32, 48)
"""Padded question lengths below the longest question; one graph serves them all."""


def prefixes(config: ModelConfig, depths: Sequence[int] | None = None) -> list[SkipPattern]:
    """Return the ladder of untuned weights: the first n orders, for every n or the given depths.

    Raises:
        ValueError: the depths do not rise from at least 1 to the number of orders.
    """
    chosen = list(range(1, config.orders + 1)) if depths is None else list(depths)
    rising = all(low < high for low, high in itertools.pairwise([0, *chosen]))
    if not rising or chosen[-1:] != [config.orders]:
        shown = ",".join(map(str, chosen))
        raise ValueError(f"depths {shown}: they rise from at least 1 to {config.orders}, the full")
    full = SkipPattern.full(config.orders)
    return [full.prefix(depth) for depth in chosen]


def ids(family: Sequence[SkipPattern], spine: SkipPattern) -> dict[SkipPattern, str]:
    """Name the variants; a prefix of `spine` is a rung of the ladder."""
    return {pattern: pattern.variant_id(pattern.is_prefix_of(spine)) for pattern in family}


def text_record(checkpoint: Checkpoint) -> TextRecord:
    """Return special ids and limits of a checkpoint."""
    return text_limits(checkpoint.tokenizer, checkpoint.model.config)


def text_limits(tokenizer: Tokenizer, config: ModelConfig) -> TextRecord:
    """Return special ids and limits: questions get half the positions, captions two thirds.

    Texts that become vectors are captions, and get all: questions of that model then have them too.
    """
    named = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    positions = config.max_text_positions
    asked = positions if EMBED in config.tasks else positions // 2
    return TextRecord(
        **{name: token_id(tokenizer, token) for name, token in named.items()},
        max_question_tokens=min(64, asked),
        max_caption_tokens=min(64, 2 * positions // 3),
    )


def buckets(text: TextRecord) -> BucketRecord:
    """Return the text lengths up to the longest question, and the batches to measure."""
    lengths = [n for n in TEXT_LENGTHS if n < text.max_question_tokens]
    return BucketRecord(text_lengths=(*lengths, text.max_question_tokens), batches=(1, 2, 4, 8))


def toolchain() -> dict[str, str]:
    """Return the versions of what an artifact is made with."""
    return {name: version(name) for name in (WRITER, "torch", "onnx", "onnxscript", "onnxruntime")}


def manifest(
    checkpoint: Checkpoint, named: Mapping[SkipPattern, str], records: dict[str, StageFile]
) -> Manifest:
    """Return the manifest without quality, parity and ladder.

    Args:
        checkpoint: what is exported.
        named: the variants, shallow to deep, with their ids.
        records: the traced stages.
    """
    config, text = checkpoint.model.config, text_record(checkpoint)
    return Manifest(
        name=config.name,
        config=config,
        tasks=asked_of(config.tasks),
        stages=records,
        variants=tuple(
            variant(checkpoint.model, pattern, named[pattern], text, composed=True)
            for pattern in named
        ),
        toolchain=toolchain(),
        source_checkpoint_sha256=checkpoint.sha256,
        domain=checkpoint.domain,
        golden=GoldenRecord(stages=STAGES_NAME),
        text=text,
        buckets=buckets(text),
    )


def variant(
    model: OtmvModel, pattern: SkipPattern, variant_id: str, text: TextRecord, composed: bool
) -> VariantRecord:
    """Return what is known of a variant before it is measured.

    Args:
        model: its parameters are counted, and its FLOPs from its own layers.
        pattern: what is executed of it.
        variant_id: its name.
        text: FLOPs are counted at its longest texts.
        composed: it is served in stages, not whole.
    """
    unique, executed = accounting.parameters(model, pattern)
    flops: dict[str, int] = {}
    for each in exported_tasks(model.config.tasks):
        flops |= each.flops(model, pattern, text, composed)
    return VariantRecord(
        id=variant_id,
        pattern=pattern.executed,
        unique_parameters=unique,
        executed_parameters=executed,
        flops=flops,
    )
