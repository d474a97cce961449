"""The methods of the supplement's Table 4, in its order: what each changes and its speed.

This is the only list of them. It needs no torch, so that dashboards and reports read it too. What
we chose ourselves says "ours" or, where it was solved for the ratio that Table 4 reports,
"back-solved" (ADR 0022). Orders are the layers of a model that shares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

FULL = "full"
"""The fully fine-tuned model: every speed is over its own."""

Kind = Literal["added", "less"]


@dataclass(frozen=True)
class Method:
    """One row of Table 4, or one of ours beside it.

    Attributes:
        id: also the variant's id in a gallery (ADR 0021).
        title: as the paper writes it, or ours.
        setting: what is changed at inference, in one line.
        kind: it adds parts to every block, or leaves out depth or width, or (None) does neither at
            inference.
        paper_speeds: speed over full fine-tuning, one for each column of Table 4 (VQAv2, NLVR2,
            COCO captions); empty where the table has no such row.
    """

    id: str
    title: str
    setting: str
    kind: Kind | None = None
    paper_speeds: tuple[float, ...] = ()


_ALL = (
    Method(
        FULL, "Full fine-tuning", "nothing: the released structure", paper_speeds=(1.0, 1.0, 1.0)
    ),
    Method(
        "petadapter",
        "PET-Adapter",
        "two serial GELU bottlenecks of 64 in each layer, after attention's projection and after "
        "the feed-forward, before the residual",
        kind="added",
        paper_speeds=(0.64, 0.66, 0.63),
    ),
    Method(
        "lora",
        "LoRA, merged",
        "rank 128 on queries and values, merged into the weights",
        paper_speeds=(1.0, 1.0, 1.0),
    ),
    Method(
        "loraunmerged",
        "LoRA, not merged",
        "ours: the same, computed beside the weights",
        kind="added",
    ),
    Method(
        "vladapter",
        "VL-Adapter",
        "bottlenecks as PET-Adapter's, an eighth of the width; one set for all tasks",
        kind="added",
        paper_speeds=(0.69, 0.72, 0.67),
    ),
    Method(
        "vlpet",
        "VL-PET",
        "VL-PET-large: bottlenecks of 96 in four heads, then a sigmoid gate of rank 96 on the "
        "output, at both places",
        kind="added",
        paper_speeds=(0.60, 0.61, 0.59),
    ),
    Method(
        "onceforall",
        "Once-for-All",
        "back-solved: 19/24 of the depth, the first layers; where that is no whole number, one "
        "more layer and a narrower feed-forward",
        kind="less",
        paper_speeds=(1.27, 1.30, 1.24),
    ),
    Method(
        "matformer",
        "MatFormer",
        "back-solved: half of the feed-forward in the first 10/24 of the layers",
        kind="less",
        paper_speeds=(1.14, 1.17, 1.13),
    ),
    Method(
        "flextron",
        "Flextron",
        "back-solved: 80 % of the heads and of the feed-forward's neurons",
        kind="less",
        paper_speeds=(1.25, 1.26, 1.22),
    ),
    Method(
        "efficientvlm",
        "EfficientVLM",
        "back-solved: two of every three layers",
        kind="less",
        paper_speeds=(1.47, 1.49, 1.45),
    ),
    Method(
        "distillvlm",
        "DistillVLM",
        "back-solved: a student one sixteenth narrower, its feed-forward solved for 1.16",
        kind="less",
        paper_speeds=(1.16, 1.18, 1.14),
    ),
    Method(
        "upop",
        "UPop",
        "back-solved: head width and feed-forward of each layer pruned, later layers more, "
        "solved for 1.21",
        kind="less",
        paper_speeds=(1.21, 1.23, 1.20),
    ),
    Method(
        "otmv",
        "OTMV",
        "ours (ADR 0010): two orders a key, merged feed-forward, series readout, 14/24 of the "
        "orders over all keys",
        kind="less",
        paper_speeds=(1.63, 1.65, 1.60),
    ),
    Method(
        "literal",
        "OTMV, one key block",
        "ours: eq. 3 taken literally: one key, merged feed-forward, series readout, all orders",
    ),
)

METHODS: Mapping[str, Method] = {method.id: method for method in _ALL}
"""By id, in Table 4's order; `loraunmerged` after `lora`, OTMV and its literal reading last."""
