"""Golden cases: what every backend must reproduce before it may serve (docs/architecture.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from artifact.errors import InvalidManifest
from artifact.task import TaskName

STAGES_NAME = "golden/stages.safetensors"
CASES_NAME = "golden/cases.jsonl"

Array = NDArray[Any]


@dataclass(frozen=True)
class StageCase:
    """One call of one stage with seeded, distinct inputs and the reference outputs."""

    stage: str
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class LabelledCase:
    """One end-to-end case; `image` is a file inside the artifact.

    VQA: `question` and its `answers` (each annotator's). Captions: `phrases` a right caption
    contains. Reason: `statement` about `image` on the left and `right_image`, and its `truth`. A
    new task keeps its text in `question` and its right labels in `answers`, as VQA does.
    """

    image: str
    task: TaskName
    question: str | None = None
    answers: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    right_image: str | None = None
    statement: str | None = None
    truth: bool | None = None

    @property
    def images(self) -> tuple[str, ...]:
        """The pictures' files, left to right."""
        return (self.image,) if self.right_image is None else (self.image, self.right_image)

    @property
    def text(self) -> str | None:
        """What is asked or said about the pictures: the question, or the statement."""
        return self.question if self.statement is None else self.statement


def write_stage_cases(path: Path, cases: Iterable[StageCase]) -> None:
    """Write stage cases as one safetensors file; names are `stage|case|in or out|tensor`."""
    tensors: dict[str, Array] = {}
    for index, case in enumerate(cases):
        for side, arrays in (("in", case.inputs), ("out", case.outputs)):
            for name, array in arrays.items():
                tensors[f"{case.stage}|{index}|{side}|{name}"] = np.ascontiguousarray(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def read_stage_cases(path: Path) -> tuple[StageCase, ...]:
    """Read `write_stage_cases`' file, in the order it was written."""
    found: dict[int, tuple[str, dict[str, Array], dict[str, Array]]] = {}
    for name, array in load_file(path).items():
        stage, index, side, tensor = name.split("|")
        _, inputs, outputs = found.setdefault(int(index), (stage, {}, {}))
        (inputs if side == "in" else outputs)[tensor] = array
    return tuple(StageCase(*found[index]) for index in sorted(found))


def write_labelled_cases(path: Path, cases: Iterable[LabelledCase]) -> None:
    """Write labelled cases, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(asdict(case), ensure_ascii=False) for case in cases)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def read_labelled_cases(path: Path) -> tuple[LabelledCase, ...]:
    """Read `write_labelled_cases`' file.

    Raises:
        InvalidManifest: if a line is no case.
    """
    cases = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            fields = json.loads(line)
            for key in ("answers", "phrases"):
                fields[key] = tuple(fields.get(key, ()))
            cases.append(LabelledCase(**fields))
        except (ValueError, TypeError, AttributeError) as error:
            problem = f"line {number} is no labelled case: {error}"
            raise InvalidManifest(path, problem, "export it again") from error
    return tuple(cases)


def relative_l2(found: Array, reference: Array) -> float:
    """Return ‖found − reference‖ / ‖reference‖ in fp64; infinite if found is not finite."""
    a, b = np.asarray(found, np.float64), np.asarray(reference, np.float64)
    if a.shape != b.shape or not np.isfinite(a).all():
        return float("inf")
    scale = float(np.linalg.norm(b))
    return float(np.linalg.norm(a - b)) / scale if scale else float(np.linalg.norm(a))
