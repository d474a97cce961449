"""A released file with its tokenizer and answers, as a checkpoint of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from artifact.config import ModelConfig
from models.checkpoint import Checkpoint
from models.once_tuning.merge import Merge, elementwise_mean
from models.presets import spread_keys
from models.public.conversion import from_tensors
from models.public.labels import read_labels
from models.public.reading import read_public
from models.public.release import released_config, with_image_size
from models.public.tokenizer import read_tokenizer

TOKENIZER, LABELS = "beit3.spm", "answer2label.txt"
"""Files that are looked for beside the checkpoint where none is named."""

RELEASED_FILE = "imported from"
"""In a checkpoint's note: the released file that it was read from, as long as it is not tuned."""

UNTUNED_START = "start of a tuning"
"""In a checkpoint's note, if orders share key blocks that were never tuned to be shared."""

Report = Callable[[str, float], None]
"""Called with what is being done, and the share of it that is done."""


@dataclass(frozen=True)
class ReleasedFiles:
    """What is read: the file of weights, and what goes with it.

    Attributes:
        weights: `.pth` or `.safetensors`.
        tokenizer: a SentencePiece model or a `tokenizer.json`; None: `beit3.spm` beside `weights`.
        labels: answers of a VQA checkpoint; None: `answer2label.txt` beside `weights`.
    """

    weights: Path
    tokenizer: Path | None = None
    labels: Path | None = None


@dataclass(frozen=True)
class StartOfTuning:
    """How a released model becomes the start of an OTMV tuning.

    Attributes:
        keys: key blocks; a divisor of the orders.
        merge: makes one feed-forward of vision's and language's.
    """

    keys: int
    merge: Merge = elementwise_mean


def import_release(
    files: ReleasedFiles,
    size: str,
    task: str,
    start: StartOfTuning | None,
    image_size: int | None,
    report: Report,
) -> Checkpoint:
    """Read a released checkpoint.

    Args:
        files: what to read.
        size: "base" or "large".
        task: one of `RELEASED_TASKS`.
        start: how to share and merge; None: as released, so that it computes what the file does.
        image_size: side of pictures in pixels, if not the checkpoint's own.
        report: progress.

    Raises:
        PublicWeightsError: a file cannot be read, or is of something else.
        ValueError: the keys do not divide the orders, or the side is no multiple of a patch.
    """
    report("reading the tensors", 0.0)
    state = read_public(files.weights)
    config = released_config(files.weights, state, size, task)
    report("reading the words", 0.3)
    beside = files.weights.parent
    tokenizer = read_tokenizer(files.tokenizer or beside / TOKENIZER, config.vocab_size)
    count = config.num_answers
    labels = read_labels(files.labels or beside / LABELS, count) if count else ()
    if image_size is not None:
        state, config = with_image_size(state, config, image_size)
    config = config if start is None else _started(config, start.keys)
    report("checking and converting", 0.4)
    merge = elementwise_mean if start is None else start.merge
    model = from_tensors(files.weights, state, config, merge)
    report("taking the checksum", 0.6)
    with files.weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    note: dict[str, str | int | float] = {
        RELEASED_FILE: files.weights.name,
        "SHA-256 of that file": digest,
        "as": f"{config.name}, {task}",
    }
    if start is not None:
        note[UNTUNED_START] = f"{start.keys} key blocks, not tuned yet"
    return Checkpoint(model, tokenizer, labels, None, note)


def _started(config: ModelConfig, keys: int) -> ModelConfig:
    """Return the series that starts from a released model: shared keys, merged feed-forward."""
    return replace(
        config,
        key_of_order=spread_keys(config.orders, keys),
        merged_feed_forward=True,
        readout="series",
    )
