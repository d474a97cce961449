"""Vectors with adapters: rows of different ones share batches, each as the model with its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from artifact.task import EMBED, EMBED_IMAGE, EMBED_TEXT
from engine.tasks.embed import EmbedImageInput, EmbedTextInput
from engine.types import Budget
from models.adapters.hooked import attach, detach
from tests.engine.pools.watched_engine import WatchedEngine
from tests.engine.residency.adapters import adaptable as made
from tests.server.tasks.retrieval.embedding_model import TEXTS, by_torch, picture

BOTH = (EMBED_IMAGE.name, EMBED_TEXT.name)


@pytest.mark.slow
def test_each_vector_is_its_own_adapter_s(tmp_path: Path) -> None:
    checkpoint = made.adaptable_checkpoint((EMBED,))
    artifact = made.write_adaptable(checkpoint, tmp_path / "artifact", ("lora:3+adalink:2",))
    config, watched = artifact.manifest.config, WatchedEngine(artifact, adapter_places=3)
    adapters = {
        "blocks": made.write_one(tmp_path / "blocks", made.low_rank(), config, tasks=BOTH),
        "stems": made.write_one(tmp_path / "stems", made.embeddings(), config, tasks=BOTH),
        "texts": made.write_one(tmp_path / "texts", made.low_rank(), config, tasks=BOTH[1:]),
    }
    for name in adapters:
        watched.pool.load_adapter(tmp_path / name)
    asked = [(name, each) for name in (*adapters, None) for each in (TEXTS[0], picture(1))]
    watched.gate.clear()
    sent = []
    for name, each in asked:
        given = EmbedTextInput(each) if isinstance(each, str) else EmbedImageInput(each)
        now = watched.clock.time_s
        request = watched.pool.admit(given.task, Budget(variant="full"), now, adapter=name)
        sent.append(watched.pool.submit(request, given))
    watched.gate.set()
    found = [future.result(60).vectors["full"] for future in sent]
    watched.close()
    base = [by_torch(checkpoint, each, config.orders) for each in (picture(1), TEXTS[0])]
    for (name, each), vector in zip(asked, found, strict=True):
        is_text = isinstance(each, str)
        acts = name is not None and (is_text or name != "texts")
        if acts:
            attach(checkpoint.model, made.OneAdapter(adapters[str(name)]))
        expected = by_torch(checkpoint, each, config.orders)
        detach(checkpoint.model)
        assert np.linalg.norm(vector - expected) <= 1e-5
        assert bool(np.linalg.norm(vector - base[is_text]) > 1e-3) == acts


def test_an_adapter_is_for_tasks_that_are_asked(tmp_path: Path) -> None:
    config = made.adaptable_checkpoint((EMBED,)).model.config
    with pytest.raises(ValidationError, match="tasks must be some of"):
        made.write_one(tmp_path / "one", made.low_rank(), config, tasks=(EMBED,))
    with pytest.raises(ValidationError, match="the base has no task 'vqa'"):
        made.write_one(tmp_path / "two", made.low_rank(), config, tasks=("vqa",))
