"""Which model a file is: read from its tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from artifact.config import ModelConfig, TaskConfig
from models.public import (
    MissingWeights,
    WrongRelease,
    from_tensors,
    public_shapes,
    released_config,
    with_image_size,
)
from tests.models.public.checkpoint_files import released, weights

FILE = Path("beit3.pth")
POSITIONS = "beit3.encoder.embed_positions.A.weight"


def read(state: dict[str, Tensor], task: str = "vqa") -> ModelConfig:
    return released_config(FILE, state, "base", task, released())


def test_its_own_picture_size_words_and_answers_are_read() -> None:
    own = released(image_size=16, vocab_size=33, max_text_positions=9, num_answers=5)
    assert read(weights(own)) == own
    assert read(weights(released(num_answers=2))).num_answers == 2


@pytest.mark.parametrize(("task", "ours"), [("caption", "caption"), ("retrieval", "embed")])
def test_a_task_without_answers(task: str, ours: str) -> None:
    found = read(weights(released(tasks=(ours,))), task)
    assert (found.tasks, found.num_answers, found.per_task) == ((ours,), 0, {})


def test_a_final_norm_is_on_where_the_file_has_one() -> None:
    with_norm = released(per_task={"vqa": TaskConfig(final_norm=True)})
    assert read(weights(with_norm)) == with_norm
    without = released(tasks=("caption",), per_task={"caption": TaskConfig(final_norm=False)})
    assert read(weights(without), "caption").per_task == without.per_task


def test_another_size_says_which() -> None:
    names = [f"beit3.encoder.layers.{n}.self_attn.q_proj.A.weight" for n in range(24)]
    large = weights(released()) | dict.fromkeys(names, torch.zeros(1))
    large["beit3.text_embed.weight"] = torch.zeros(3, 1024)
    with pytest.raises(WrongRelease, match=r"24 blocks of width 1024; .*\(--as beit3_large\)"):
        released_config(FILE, large, "base", "vqa")
    with pytest.raises(WrongRelease, match="4 blocks of width 16; beit3_base has 12"):
        released_config(FILE, weights(released()), "base", "vqa")


def test_another_task_says_which() -> None:
    with pytest.raises(WrongRelease, match=r"fine-tuned for caption \(--task caption\)"):
        read(weights(released(tasks=("caption",))))
    headless = {k: v for k, v in weights(released()).items() if k.startswith("beit3.")}
    with pytest.raises(WrongRelease, match="fine-tuned for that task"):
        read(headless)


def test_what_is_no_beit3_names_what_it_lacks() -> None:
    with pytest.raises(MissingWeights, match="vision_embed"):
        read({"conv.weight": torch.zeros(3)})
    with pytest.raises(WrongRelease, match="8 rows: no square"):
        read(weights(released()) | {POSITIONS: torch.zeros(8, 16)})
    for name in (POSITIONS, "beit3.text_embed.weight", "head.3.weight"):
        with pytest.raises(WrongRelease, match=f"{name} is .*no table"):
            read(weights(released()) | {name: torch.tensor(1.0)})
    answerless = weights(released())
    del answerless["head.3.weight"]
    with pytest.raises(MissingWeights, match=r"head\.3"):
        read(answerless)


def test_positions_are_interpolated_as_beit3_does() -> None:
    config = released(image_size=16)
    before = weights(config)
    state, wanted = with_image_size(before, config, 24)
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == public_shapes(wanted)
    assert torch.equal(state[POSITIONS][:3], before[POSITIONS][:3])
    grid = before[POSITIONS][3:].T.reshape(1, 16, 4, 4)
    resized = nn.functional.interpolate(grid, size=(6, 6), mode="bicubic", align_corners=False)
    torch.testing.assert_close(state[POSITIONS][3:], resized.reshape(16, 36).T)
    assert from_tensors(FILE, state, wanted).config.image_tokens == 37
    same, unchanged = with_image_size(before, config, 16)
    assert unchanged == config
    assert torch.equal(same[POSITIONS], before[POSITIONS])
