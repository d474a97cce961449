"""An artifact without files, and the variants that it offers."""

from __future__ import annotations

from pathlib import Path

from artifact.config import ModelConfig
from artifact.manifest import BucketRecord, DomainRecord, Manifest, TextRecord, VariantRecord
from artifact.store import Artifact
from artifact.task import TaskName
from engine.types import Offer

SIDE_PX = 32
ORDERS = 4
TASKS: tuple[TaskName, ...] = ("vqa", "caption", "reason")


def fake_artifact() -> Artifact:
    config = ModelConfig(
        name="fake",
        image_size=SIDE_PX,
        patch_size=16,
        width=8,
        heads=2,
        ffn_width=16,
        vocab_size=32,
        max_text_positions=16,
        key_of_order=(0, 0, 1, 1),
        merged_feed_forward=True,
        readout="series",
        skip_probability=0.1,
        num_answers=3,
        tasks=TASKS,
    )
    variants = tuple(
        VariantRecord(
            id=name,
            pattern=tuple(range(depth)),
            unique_parameters=depth,
            executed_parameters=depth,
        )
        for name, depth in (("full", 4), ("d2", 2))
    )
    manifest = Manifest.model_construct(
        name="fake",
        config=config,
        tasks=TASKS,
        variants=variants,
        domain=DomainRecord(about="red things only", words=("is", "red")),
        text=TextRecord(
            bos=0, eos=1, pad=2, unk=3, mask=4, max_question_tokens=16, max_caption_tokens=16
        ),
        buckets=BucketRecord(text_lengths=(16,), batches=(1,)),
    )
    return Artifact(Path("/nowhere"), manifest, "0" * 64)


def offer(variant: str, depth: int, quality: float, task: TaskName = "vqa") -> Offer:
    return Offer(
        task=task,
        variant=variant,
        executed=tuple(range(depth)),
        bits="1" * depth + "0" * (ORDERS - depth),
        keys=(0, 1) if depth > 2 else (0,),
        quality=quality,
        predicted_s=depth / 1e3,
        memory_bytes=depth * 10**6,
        resident=True,
        quality_precision="fp32",
    )


OFFERS = {"full": offer("full", 4, 0.95), "d2": offer("d2", 2, 0.8)}
