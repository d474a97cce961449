from __future__ import annotations

import dataclasses

from artifact.manifest import ChainRecord, ChainStopRecord, LadderRecord
from exporters.sides.card import chain_section, model_card
from models.checkpoint import Checkpoint
from models.series import OtmvModel


def test_the_card_says_which_tasks_were_tuned(checkpoint: Checkpoint) -> None:
    card = model_card(checkpoint)
    assert "statements about two of them" in card
    assert "All of it was tuned at\nonce" in card
    assert "VQA v2, COCO or NLVR2" in card
    config = dataclasses.replace(checkpoint.model.config, tasks=("vqa",))
    asking = model_card(dataclasses.replace(checkpoint, model=OtmvModel(config)))
    assert "questions" in asking
    assert "statements" not in asking


def test_the_card_says_which_gates_were_drawn(checkpoint: Checkpoint) -> None:
    assert "behind a random depth" not in model_card(checkpoint)
    drawn = dataclasses.replace(checkpoint, note={"prefix_share": 0.4})
    assert "in 40% of the draws all orders behind a random depth" in model_card(drawn)


def test_the_card_says_what_a_chain_costs() -> None:
    free = LadderRecord(search="beam", split="s", evaluations=1, seconds=1.0)
    assert chain_section(free) == chain_section(None) == ""
    stops = (
        ChainStopRecord(variant="d2", free_pattern=(0, 4), cost={"vqa": 0.0123, "reason": -0.002}),
        ChainStopRecord(variant="full", free_pattern=(0, 1, 4), cost={"vqa": 0.0, "reason": 0.0}),
    )
    chain = ChainRecord(split="fresh pictures", stops=stops)
    section = chain_section(free.model_copy(update={"chain": chain}))
    assert "measured\non another split (fresh pictures)" in section
    assert "| d2 | 0, 4 | +1.2 | -0.2 |" in section
    assert "| full | 0, 1, 4 | +0.0 | +0.0 |" in section
