"""A released retrieval checkpoint, imported and exported, makes the vectors that its file makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from artifact.golden import relative_l2
from artifact.store import open_artifact
from cli.main import build
from engine.opening.open import open_solo
from engine.opening.scoring import SoloAnswers
from engine.tasks.embed import EmbedImageInput, EmbedTextInput
from models.checkpoint import load
from models.embeddings import embed_images, embed_texts
from tests.cli.commands.released_files import small_base, write_release

TEXT = "what color is the circle"


def otmv(*words: object) -> None:
    said = list(map(str, words))
    done = CliRunner().invoke(build(said), said, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output


@pytest.mark.slow
def test_a_picture_and_a_text_are_embedded_as_by_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small_base(monkeypatch)
    made, artifact = tmp_path / "made", tmp_path / "artifact"
    file = write_release(tmp_path / "download", "retrieval")
    otmv("import", file, "--as", "beit3_base", "--task", "retrieval", "--out", made)
    otmv("export", made, "--out", artifact)
    opened, model = open_artifact(artifact), load(made).model
    answers = SoloAnswers(opened, open_solo(opened))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    seen = answers.vectors("full", [EmbedImageInput(pixels)])
    read = answers.vectors("full", [EmbedTextInput(TEXT)])
    tokens = torch.tensor([opened.text_codec().encode_question(TEXT)])
    with torch.inference_mode():
        wanted_seen = embed_images(model, torch.from_numpy(pixels)[None], range(4))
        wanted_read = embed_texts(model, tokens, None, range(4))
    assert relative_l2(seen, wanted_seen.numpy()) <= 1e-5
    assert relative_l2(read, wanted_read.numpy()) <= 1e-5
