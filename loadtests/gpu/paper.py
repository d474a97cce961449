"""Table 4 of the supplement: speed relative to full fine-tuning, BEiT-3 Large, A100."""

from __future__ import annotations

from collections.abc import Mapping

from artifact.config import Task

PAPER: Mapping[str, tuple[float, float, float]] = {
    "full": (1.0, 1.0, 1.0),
    "petadapter": (0.64, 0.66, 0.63),
    "lora": (1.0, 1.0, 1.0),
    "vladapter": (0.69, 0.72, 0.67),
    "vlpet": (0.60, 0.61, 0.59),
    "onceforall": (1.27, 1.30, 1.24),
    "matformer": (1.14, 1.17, 1.13),
    "flextron": (1.25, 1.26, 1.22),
    "efficientvlm": (1.47, 1.49, 1.45),
    "distillvlm": (1.16, 1.18, 1.14),
    "upop": (1.21, 1.23, 1.20),
    "otmv": (1.63, 1.65, 1.60),
}
"""By method: VQA v2, NLVR2, COCO captions. The paper's numbers, none of ours."""

TASKS: tuple[Task, ...] = ("vqa", "reason", "caption")
"""In the order of the columns."""

ADAPTERS = ("petadapter", "vladapter", "vlpet")
"""Methods that the paper has at 0.60 to 0.72 of full fine-tuning's speed."""

CUTTING = ("otmv", "onceforall", "efficientvlm", "matformer", "flextron", "distillvlm", "upop")
"""Methods that execute less: fewer blocks, or narrower ones."""


def paper(method: str, task: Task) -> float | None:
    """Return the paper's number, or None where it has none."""
    return PAPER[method][TASKS.index(task)] if method in PAPER else None
