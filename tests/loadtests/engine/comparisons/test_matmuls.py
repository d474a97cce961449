from __future__ import annotations

import numpy as np
import pytest

from artifact.config import ModelConfig
from engine.backends.registry import open_backend

CONFIG = ModelConfig(
    name="small",
    image_size=32,
    patch_size=16,
    width=8,
    heads=2,
    ffn_width=16,
    vocab_size=10,
    max_text_positions=8,
    key_of_order=(0, 0, 0),
    merged_feed_forward=True,
    readout="series",
    skip_probability=0.1,
    num_answers=5,
    tasks=("vqa",),
)


def test_only_the_products_are_left() -> None:
    onnx = pytest.importorskip("onnx")
    from loadtests.engine.comparisons.matmuls import Products

    products = Products(CONFIG, text_tokens=3, batch=2)
    stage = products.load(open_backend("onnxruntime"))
    outputs = stage.run(products.inputs)
    assert outputs["answers.result"].shape == (2, 5)
    assert all(np.isfinite(array).all() for array in outputs.values())
    kinds = [node.op_type for node in products.nodes]
    per_order = 2 + 2 + 2 + 2  # qkv and out per modality, scores and mixed, fc1 and fc2
    assert kinds.count("MatMul") == per_order * CONFIG.orders + 3
    assert kinds.count("Conv") == 1
    assert set(kinds) == {"MatMul", "Conv", "Gather"}
    assert onnx.__version__
