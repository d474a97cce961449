"""Captions with adapters: picture and words of each are its own adapter's, round by round."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from artifact.task import CAPTION
from engine.tasks.caption import CaptionInput
from engine.types import Budget
from models.adapters.hooked import attach, detach
from tests.engine.pools.watched_engine import WatchedEngine
from tests.engine.residency.adapters import adaptable as made
from tests.engine.residency.adapters.asking import picture

_WORDS = 8


@pytest.mark.slow
def test_captions_of_different_adapters_are_written_in_the_same_rounds(tmp_path: Path) -> None:
    checkpoint = made.adaptable_checkpoint((CAPTION.name,))
    artifact = made.write_adaptable(checkpoint, tmp_path / "artifact", ("lora:3+adalink:2",))
    config, watched = artifact.manifest.config, WatchedEngine(artifact, adapter_places=3)
    tables = {
        "one": made.low_rank(),
        "two": made.low_rank(rank=1),
        "three": made.embeddings(),
    }
    adapters = {
        name: made.write_one(tmp_path / name, each, config, tasks=(CAPTION.name,))
        for name, each in tables.items()
    }
    for name in adapters:
        watched.pool.load_adapter(tmp_path / name)
    names = ("one", None, "two", "three", "one", None)
    watched.gate.clear()
    sent = []
    for seed, name in enumerate(names):
        now = watched.clock.time_s
        request = watched.pool.admit(CAPTION.name, Budget(variant="full"), now, adapter=name)
        sent.append(watched.pool.submit(request, CaptionInput(picture(seed), _WORDS)))
    watched.gate.set()
    texts = [future.result(60).text for future in sent]
    watched.close()
    decode = artifact.text_codec().decode
    for seed, name in enumerate(names):
        if name is not None:
            attach(checkpoint.model, made.OneAdapter(adapters[name]))
        pixels = torch.from_numpy(picture(seed))[None]
        executed = range(config.orders)
        row = checkpoint.model.generate(pixels, checkpoint.special, executed, _WORDS)[0].tolist()
        detach(checkpoint.model)
        eos = checkpoint.special.eos
        assert texts[seed] == decode(row[: row.index(eos)] if eos in row else row)
    rounds = [seen for seen in watched.steps if seen.stage.startswith("block_decode")]
    assert max(len(seen.ids) for seen in rounds) > 3, "they shared no round"
