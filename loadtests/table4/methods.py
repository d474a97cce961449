"""The methods of Table 4 (ADR 0021), and what the paper reports of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from artifact.task import TaskName
from loadtests.bench.setup import BenchError

TASKS: tuple[TaskName, ...] = ("vqa", "reason", "caption")
"""In the order of the paper's columns: VQA v2, NLVR2, COCO captions."""

FULL = "full"
"""The fully fine-tuned model: every speed is over its own."""

PAPER = "paper, A100, BEiT-3 Large"
"""What the paper's numbers are of; whether latency or throughput, it does not say."""

Kind = Literal["added", "less"]


@dataclass(frozen=True)
class Method:
    """One method.

    `kind`: it adds parts to every block, or leaves out depth or width, or (None) does neither at
    inference. `held`: a bar says that what it leaves out is time saved. `paper`: speed over full
    fine-tuning by task, supplement Table 4; empty where the table has no such row.
    """

    id: str
    title: str
    kind: Kind | None
    held: bool = False
    paper: Mapping[TaskName, float] = field(default_factory=dict)


def _paper(vqa: float, reason: float, caption: float) -> Mapping[TaskName, float]:
    return {"vqa": vqa, "reason": reason, "caption": caption}


METHODS = (
    Method(FULL, "Full fine-tuning", None, paper=_paper(1.0, 1.0, 1.0)),
    Method("petadapter", "PET-Adapter", "added", paper=_paper(0.64, 0.66, 0.63)),
    Method("lora", "LoRA, merged", None, paper=_paper(1.0, 1.0, 1.0)),
    Method("loraunmerged", "LoRA, not merged", "added"),
    Method("vladapter", "VL-Adapter", "added", paper=_paper(0.69, 0.72, 0.67)),
    Method("vlpet", "VL-PET", "added", paper=_paper(0.60, 0.61, 0.59)),
    Method("onceforall", "Once-for-All", "less", True, _paper(1.27, 1.30, 1.24)),
    Method("matformer", "MatFormer", "less", True, _paper(1.14, 1.17, 1.13)),
    Method("flextron", "Flextron", "less", True, _paper(1.25, 1.26, 1.22)),
    Method("efficientvlm", "EfficientVLM", "less", True, _paper(1.47, 1.49, 1.45)),
    Method("distillvlm", "DistillVLM", "less", True, _paper(1.16, 1.18, 1.14)),
    Method("upop", "UPop", "less", True, _paper(1.21, 1.23, 1.20)),
    Method("otmv", "OTMV", "less", True, _paper(1.63, 1.65, 1.60)),
    Method("literal", "OTMV, one key block", None),
)
"""In the order of the table."""

BY_ID = {method.id: method for method in METHODS}


def chosen(ids: Sequence[str]) -> list[str]:
    """Return the ids of `METHODS` to measure, `full` first: those named, or all of them.

    Raises:
        BenchError: one of them is none.
    """
    for name in ids:
        if name not in BY_ID:
            raise BenchError(f"no method {name!r}; there are {', '.join(BY_ID)}")
    return [name for name in BY_ID if not ids or name in ids or name == FULL]
