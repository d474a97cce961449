"""A gallery: an artifact whose variants are whole ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artifact.golden import STAGES_NAME, StageCase, write_stage_cases
from artifact.manifest import Manifest, VariantRecord
from artifact.store import Artifact, ArtifactWriter
from tests.engine.artifacts.tiny_artifact import (
    BUCKETS,
    TEXT,
    write_cases,
    write_weights,
    write_words,
)
from tests.engine.artifacts.tiny_graphs import example_inputs, stage_file, stage_names
from tests.engine.artifacts.tiny_model import Array
from tests.engine.artifacts.whole_graphs import whole_file, whole_inputs, whole_names
from tests.engine.artifacts.whole_model import VARIANTS, WHOLE

COMPOSED = stage_names(WHOLE.config)
MIXED = [stage for stage in COMPOSED if stage not in ("block_image[1]", "block_decode[1]")]
"""Beside these, captions of what needs the second key are whole; `d2` is composed for all tasks."""


def inputs_of(stage: str, batch: int, seed: int) -> dict[str, Array]:
    """Return distinct random inputs of a stage, composed or whole."""
    if stage.startswith("whole"):
        return whole_inputs(stage, batch, seed)
    return example_inputs(WHOLE, stage, batch, seed)


def write_gallery(out: Path, composed: Sequence[str] = ()) -> Artifact:
    """Write a checked artifact of whole variants, and of these composed stages.

    Qualities are null.
    """
    with ArtifactWriter(out) as writer:
        offsets = write_weights(writer.folder, WHOLE)
        stages = {s: whole_file(writer.folder, s, offsets) for s in whole_names()}
        stages |= {s: stage_file(writer.folder, s, WHOLE, offsets) for s in composed}
        write_words(writer.folder)
        golden = [
            StageCase(stage, inputs, WHOLE.run(stage, inputs))
            for number, stage in enumerate(stages)
            for inputs in [inputs_of(stage, 3, number)]
        ]
        write_stage_cases(writer.folder / STAGES_NAME, golden)
        record = write_cases(writer.folder, WHOLE, None)
        variants = tuple(
            VariantRecord(
                id=name,
                pattern=tuple(heads),
                unique_parameters=16,
                executed_parameters=16 * len(heads),
            )
            for name, heads in VARIANTS.items()
        )
        manifest = Manifest(
            name="gallery",
            config=WHOLE.config,
            tasks=WHOLE.config.tasks,
            stages=stages,
            variants=variants,
            golden=record,
            text=TEXT,
            buckets=BUCKETS,
        )
        return writer.commit(manifest)
