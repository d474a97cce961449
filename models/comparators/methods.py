"""The methods of the supplement's Table 4, in its order, and what each changes at inference.

What we chose ourselves says "ours" or, where it was solved for the ratio that Table 4 reports,
"back-solved" (ADR 0022). Orders are the layers of a model that shares nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """One row of Table 4, or one of ours beside it.

    Attributes:
        id: also the variant's id in a gallery (ADR 0021).
        title: as the paper writes it; ours are marked.
        setting: what is changed at inference, in one line.
    """

    id: str
    title: str
    setting: str


_ALL = (
    Method("full", "Full fine-tuning", "nothing: the released structure"),
    Method(
        "petadapter",
        "PET-Adapter",
        "two serial GELU bottlenecks of 64 in each layer, after attention's projection and after "
        "the feed-forward, before the residual",
    ),
    Method("lora", "LoRA", "rank 128 on queries and values, merged into the weights"),
    Method("loraunmerged", "LoRA, not merged (ours)", "the same, computed beside the weights"),
    Method(
        "vladapter",
        "VL-Adapter",
        "bottlenecks as PET-Adapter's, an eighth of the width; one set for all tasks",
    ),
    Method(
        "vlpet",
        "VL-PET",
        "VL-PET-large: bottlenecks of 96 in four heads, then a sigmoid gate of rank 96 on the "
        "output, at both places",
    ),
    Method(
        "onceforall",
        "Once-for-All",
        "back-solved: 19/24 of the depth, the first layers; where that is no whole number, one "
        "more layer and a narrower feed-forward",
    ),
    Method(
        "matformer",
        "MatFormer",
        "back-solved: half of the feed-forward in the first 10/24 of the layers",
    ),
    Method(
        "flextron", "Flextron", "back-solved: 80 % of the heads and of the feed-forward's neurons"
    ),
    Method("efficientvlm", "EfficientVLM", "back-solved: two of every three layers"),
    Method(
        "distillvlm",
        "DistillVLM",
        "back-solved: a student one sixteenth narrower, its feed-forward solved for 1.16",
    ),
    Method(
        "upop",
        "UPop",
        "back-solved: head width and feed-forward of each layer pruned, later layers more, "
        "solved for 1.21",
    ),
    Method(
        "otmv",
        "OTMV",
        "ours (ADR 0010): two orders a key, merged feed-forward, series readout, 14/24 of the "
        "orders over all keys",
    ),
    Method(
        "literal",
        "OTMV, one key (ours)",
        "eq. 3 taken literally: one key, merged feed-forward, series readout, all orders",
    ),
)

METHODS: Mapping[str, Method] = {method.id: method for method in _ALL}
"""By id, in Table 4's order; `loraunmerged` after `lora`, OTMV and its literal reading last."""
