"""The models that the DAS paper skips layers of, as shapes (arXiv 2309.01479, Tables A and C).

Sources of shapes: METER (zdou0830/METER: config.py, bert_model.py), ViLT (dandelin/ViLT:
config.py), RoBERTa base (Liu et al. 2019); of adapters: DoubtedSteam/DAS (bert_model_PA.py,
vision_transformer_PA.py). What the paper leaves open is found from its numbers: each place says so.
"""

from __future__ import annotations

from models.adapters.skipping.cost import AdapterShape, LayerShape

WIDTH, FFN_WIDTH, HEADS, LAYERS = 768, 3072, 12, 12
"""Of all three models; METER's fusion has 6 layers for each stream."""

_FUSION_LAYERS = 6
_PATCH = 16


def meter(image_size: int, text_tokens: int = 40) -> dict[str, LayerShape]:
    """Return METER's layers that may be skipped: FL and FV of the fusion, LEn of the text encoder.

    Args:
        image_size: side of its pictures; DAS has 384 for questions and retrieval, 288 for NLVR2.
        text_tokens: 40 meets the paper's numbers (METER itself allows 50).

    A kept fusion layer has three adapters of 96, a skipped one is replaced by one of 288. A text
    layer has none where it is kept; one of 192 in its place meets the paper's numbers.
    """
    image_tokens = 1 + (image_size // _PATCH) ** 2
    kept, instead = (AdapterShape(WIDTH, 96),) * 3, AdapterShape(WIDTH, 3 * 96)
    streams = {"FL": (text_tokens, image_tokens), "FV": (image_tokens, text_tokens)}
    fusion = {
        f"{name}{number}": LayerShape(WIDTH, FFN_WIDTH, HEADS, tokens, seen, kept, instead)
        for name, (tokens, seen) in streams.items()
        for number in range(_FUSION_LAYERS)
    }
    text = LayerShape(WIDTH, FFN_WIDTH, HEADS, text_tokens, replacing=AdapterShape(WIDTH, 2 * 96))
    return fusion | {f"LEn{number}": text for number in range(LAYERS)}


VILT_TOKENS, VILT_ADAPTED_TOKENS = 236, 201
"""Found from the paper's numbers: its pictures have any number of tokens.

No one length meets both of them: a skipped layer saves 1.76 G, which is 236 tokens; the adapters
cost 0.73 G, which is 201 (200 patches and a CLS: those of pictures alone).
"""


def vilt(tokens: int = VILT_TOKENS) -> dict[str, LayerShape]:
    """Return ViLT's layers: two adapters of 96 beside a kept one, one of 192 for a skipped one."""
    kept, instead = (AdapterShape(WIDTH, 96),) * 2, AdapterShape(WIDTH, 2 * 96)
    layer = LayerShape(WIDTH, FFN_WIDTH, HEADS, tokens, kept=kept, replacing=instead)
    return {f"En{number}": layer for number in range(LAYERS)}


ROBERTA_TOKENS = 512
"""Meets what a skipped layer saves in Table C."""


def roberta() -> dict[str, LayerShape]:
    """Return RoBERTa's layers with DAS's adapters.

    Two of 16 beside a kept layer, one LayerNorm for both, and one of 32 for a skipped one, meet
    both the paper's parameters and its operations.
    """
    kept = (AdapterShape(WIDTH, 16), AdapterShape(WIDTH, 16, norms=0))
    layer = LayerShape(
        WIDTH,
        FFN_WIDTH,
        HEADS,
        ROBERTA_TOKENS,
        kept=kept,
        replacing=AdapterShape(WIDTH, 32),
    )
    return {f"En{number}": layer for number in range(LAYERS)}


ROBERTA_PARAMETERS = 124_645_632
"""Of RoBERTa base with its pooler."""


def roberta_biases() -> int:
    """Return the numbers that BitFit tunes: every bias, those of norms too."""
    layer = 4 * WIDTH + FFN_WIDTH + WIDTH + 2 * WIDTH
    return LAYERS * layer + WIDTH


def roberta_lora(rank: int = 16) -> int:
    """Return LoRA's numbers on queries and values; merged, it costs no operation."""
    return LAYERS * 2 * 2 * WIDTH * rank


def roberta_prefix(rows: int, networks: int = 2, inner: int = 800) -> int:
    """Return the operations that prefix rows add, with the networks that make them.

    Rows are seen by all tokens in every layer. The paper counts the networks of training: two of
    inner width 800, as He et al. have them, meet its numbers, with 30 rows for prefix tuning and
    16 for MAM. Its 0.14 M parameters of prefix tuning fit no setting with 1.20 G.
    """
    seen = LAYERS * ROBERTA_TOKENS * 2 * WIDTH
    made = networks * (WIDTH * inner + inner * LAYERS * 2 * WIDTH)
    return rows * (seen + made)


def roberta_mam(rows: int = 16, inner: int = 16) -> tuple[int, int]:
    """Return MAM's operations and numbers: prefix rows, and adapters beside feed-forwards."""
    adapter = AdapterShape(WIDTH, inner, norms=0)
    numbers = LAYERS * (adapter.parameters + 2 * rows * WIDTH)
    return roberta_prefix(rows) + LAYERS * adapter.operations(ROBERTA_TOKENS), numbers
