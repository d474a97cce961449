"""1. The task: what its requests bring, which stages they run, and how their answers are scored.

The toy asks how full a picture is. A label is right by the number of objects: one is small, two or
three are medium, four or five are large.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from artifact.scoring.measures import CaseFields, Measure
from artifact.stage import StageName
from artifact.task import ONE_PASS_READS, Task, one_pass

PROMPT = "how many objects are there?"

LABELS = ("small", "medium", "large")

MOST_OBJECTS = (1, 3)
"""Of a small picture, and of a medium one."""


def size_label(objects: int) -> str:
    """Return the right label of a picture with that many objects."""
    return LABELS[int(np.searchsorted(MOST_OBJECTS, objects))]


def _share_right(given: Sequence[str], cases: Sequence[CaseFields]) -> float:
    right = [label in case.answers for label, case in zip(given, cases, strict=True)]
    return float(np.mean(right))


SIZE = Task(
    name="size",
    pictures=1,
    text="prompt",
    rows=1,
    passes=one_pass(StageName.head("size")),
    reads=ONE_PASS_READS,
    measure=Measure("sizes right", _share_right),
    about="how full a picture is",
    labels=LABELS,
)
