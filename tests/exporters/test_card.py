from __future__ import annotations

import dataclasses

from exporters.card import model_card
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
