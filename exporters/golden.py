"""Golden cases: labelled examples in the artifact, by which a server checks itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artifact.golden import CASES_NAME, LabelledCase, write_labelled_cases
from exporters.examples import Example


def write_golden(folder: Path, examples: Sequence[Example]) -> None:
    """Write the examples as golden cases, and each distinct picture once."""
    names: dict[bytes, str] = {}
    for image in dict.fromkeys(image for example in examples for image in example.images):
        names[image] = f"golden/images/{len(names):04d}.jpg"
        path = folder / names[image]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    cases = [
        LabelledCase(
            image=names[example.image],
            task=example.task,
            question=example.question,
            answers=example.answers,
            phrases=example.phrases,
            right_image=None if example.right_image is None else names[example.right_image],
            statement=example.statement,
            truth=example.truth,
        )
        for example in examples
    ]
    write_labelled_cases(folder / CASES_NAME, cases)
