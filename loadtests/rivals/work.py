"""The work of one question, the same for every rival: what an application puts around one graph.

Decoding, resizing and tokenising are the server's own functions of `artifact/`. Needs the `rivals`
extra's environment, and no engine.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from artifact.preprocess import to_pixels
from artifact.store import Artifact, open_artifact
from artifact.task import VQA
from loadtests.rivals.options import RivalOptions

Prepared = tuple[NDArray[np.uint8], list[int]]
"""Pixels uint8 [S, S, 3] and token ids of one question."""


class Preparer:
    """Turns a request's JSON into arrays, one request at a time."""

    def __init__(self, options: RivalOptions) -> None:
        opened = _open(options)
        self._codec = opened.text_codec()
        self._side_px = opened.manifest.config.image_size_of(VQA.name)

    def __call__(self, body: Mapping[str, Any]) -> Prepared:
        """Decode the JPEG, resize it, tokenise the question."""
        with Image.open(io.BytesIO(base64.b64decode(body["image"]))) as image:
            pixels = to_pixels(image.convert("RGB"), self._side_px)
        return pixels, self._codec.encode_question(body["question"])


class Batches:
    """Rows to the inputs of one variant's ONNX graph, and its outputs to answers."""

    def __init__(self, options: RivalOptions) -> None:
        opened = _open(options)
        self._variant = options.variant
        self._manifest, self._labels = opened.manifest, opened.labels()
        (stage,) = VQA.whole_stages(options.variant)
        self.graph = opened.path(self._manifest.stages[stage].file)

    def inputs(self, rows: Sequence[Prepared]) -> dict[str, NDArray[Any]]:
        """Pad texts to the engine's buckets; only real tokens are in the mask."""
        lengths = np.array([len(ids) for _, ids in rows])
        length = next(n for n in self._manifest.buckets.text_lengths if n >= lengths.max())
        image_tokens = self._manifest.config.image_tokens_of(VQA.name)
        tokens = np.full((len(rows), length), self._manifest.text.pad, np.int64)
        for row, (_, ids) in zip(tokens, rows, strict=True):
            row[: len(ids)] = ids
        mask = np.arange(image_tokens + length)[None] < (image_tokens + lengths)[:, None]
        return {"pixels": np.stack([pixels for pixels, _ in rows]), "tokens": tokens, "mask": mask}

    def answers(self, logits: NDArray[np.float32]) -> list[dict[str, Any]]:
        """Return the JSON of each row's answer, from logits float32 [B, labels]."""
        return [
            {"answers": [{"variant": self._variant, "answer": self._labels[best]}]}
            for best in logits.argmax(axis=1)
        ]


class Model:
    """One variant as one ONNX graph on ONNX Runtime's CPU provider."""

    def __init__(self, options: RivalOptions) -> None:
        self._batches = Batches(options)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.threads
        settings.log_severity_level = 3
        spin = "1" if options.spin else "0"
        settings.add_session_config_entry("session.intra_op.allow_spinning", spin)
        self._session = onnxruntime.InferenceSession(
            str(self._batches.graph), settings, providers=["CPUExecutionProvider"]
        )

    def answer(self, rows: Sequence[Prepared]) -> list[dict[str, Any]]:
        """Run a batch of any size; return the JSON of each row's answer."""
        (logits,) = self._session.run(["logits"], self._batches.inputs(rows))
        return self._batches.answers(logits)


def _open(options: RivalOptions) -> Artifact:
    return open_artifact(Path(options.artifact), verify=False)
