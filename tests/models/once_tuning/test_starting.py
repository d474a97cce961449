"""Growing a model: what is shared is what a released file's conversion shares; the rest is kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from artifact.config import TaskConfig
from artifact.task import VQA
from models.once_tuning.merge import weighted
from models.once_tuning.starting import grown, keep_answers
from models.presets import spread_keys
from models.public import from_tensors
from models.stem import resized_positions
from tests.models import tiny
from tests.models.public.checkpoint_files import released, weights
from tests.models.public.test_release import FILE

FULL = tuple(range(tiny.ORDERS))


@pytest.mark.parametrize("keys", [1, 2, 4])
def test_sharing_keys_is_what_an_import_with_keys_does(keys: int) -> None:
    state, merge = weights(released()), weighted(0.7, 0.3)
    series = replace(
        released(),
        key_of_order=spread_keys(tiny.ORDERS, keys),
        merged_feed_forward=True,
        readout="series",
    )
    wanted = from_tensors(FILE, state, series, merge).state_dict()
    found = grown(from_tensors(FILE, state, released()), series, merge).state_dict()
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name


def test_the_same_config_answers_the_same() -> None:
    source = tiny.model(tiny.config())
    made = grown(source, tiny.config()).eval()
    pixels, words = tiny.pixels(2), tiny.words(2, 5)
    asked = (VQA, pixels, words, None, FULL)
    assert torch.equal(made.answer(*asked), source.answer(*asked))


def test_new_words_sizes_tasks_and_answers_leave_the_old_ones() -> None:
    source = tiny.model(tiny.config(tasks=("vqa",)))
    wanted = tiny.config(
        vocab_size=tiny.WORDS + 3,
        tasks=("vqa", "caption"),
        num_answers=5,
        per_task={"caption": TaskConfig(image_size=16)},
    )
    made = grown(source, wanted)
    old, new = ("red", "green", "blue", "one", "two", "three", "no"), ("two", "red", "x", "y", "z")
    keep_answers(made, source, old, new)
    state, before = made.state_dict(), source.state_dict()
    words = "stem.words.weight"
    assert torch.equal(state[words][: tiny.WORDS], before[words])
    assert torch.equal(
        state["stem.other_image_positions.16.weight"],
        resized_positions(before["stem.image_positions.weight"], 4),
    )
    rows = "heads.vqa.answers.weight"
    assert torch.equal(state[rows][:2], before[rows][[old.index("two"), old.index("red")]])
    assert not torch.equal(state[rows][2], before[rows][2])
    assert torch.equal(state["heads.vqa.hidden.weight"], before["heads.vqa.hidden.weight"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"width": 32}, "width is 16, not 32"),
        ({"key_of_order": (0, 0, 0, 0)}, "2 key blocks for 4 orders cannot become 1 key blocks"),
    ],
)
def test_what_does_not_go_together_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        grown(tiny.model(tiny.config()), tiny.config(**change))


def test_positions_are_interpolated_over_the_grid_only() -> None:
    table = torch.randn(3 + 4, 16)
    bigger = resized_positions(table, 4)
    assert bigger.shape == (3 + 16, 16)
    assert torch.equal(bigger[:3], table[:3])
    assert resized_positions(table, 2) is table


def test_dropped_branches_keep_the_mean_and_are_off_outside_tuning() -> None:
    model = tiny.model(tiny.config())
    asked = (VQA, tiny.pixels(1).expand(400, -1, -1, -1), tiny.words(1, 5).expand(400, -1), None)
    plain = model.answer(*asked, (0,))
    key, _ = model.key_of(0)
    key.drop_path = (0.5, 0.0)
    assert torch.equal(model.answer(*asked, (0,)), plain)
    torch.manual_seed(0)
    dropped = model.train().answer(*asked, (0,))
    assert len(dropped.unique(dim=0)) == 4, "each of two branches is there or not"
    branch = torch.ones(2000, 3, 4)
    kept = key._kept(branch, 0)
    assert set(kept.unique().tolist()) == {0.0, 2.0}
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.1)


@torch.inference_mode(False)
def test_recomputed_blocks_give_the_same_gradients() -> None:
    found = []
    with torch.enable_grad():
        model = tiny.model(tiny.config()).train()
        pixels, words = tiny.pixels(2), tiny.words(2, 5)
        for recomputed in (False, True):
            model.recomputed = recomputed
            model.zero_grad()
            model.answer(VQA, pixels, words, None, FULL).square().sum().backward()
            found.append([w.grad.clone() for w in model.parameters() if w.grad is not None])
    for plain, again in zip(*found, strict=True):
        assert (again - plain).norm() <= 1e-5 * plain.norm() + 1e-9
