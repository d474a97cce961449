"""Learning rates by layer and by step."""

from __future__ import annotations

import pytest

from tests.models import tiny
from tuning.finetuning.optimiser import Schedule, make_optimiser
from tuning.recipes.sets import Optimiser


def rates(said: Optimiser, keys: int) -> dict[str, tuple[float, float]]:
    """Return each weight's share of the learning rate and its decay."""
    model = tiny.model(tiny.config(keys=keys))
    names = {id(weight): name for name, weight in model.named_parameters()}
    groups = make_optimiser(model, said).param_groups
    found = {
        names[id(weight)]: (group["rate"], group["weight_decay"])
        for group in groups
        for weight in group["params"]
    }
    assert len(found) == len(names)
    return found


def test_each_block_learns_slower_than_the_one_above_it() -> None:
    said = Optimiser(learning_rate=1.0, layer_decay=0.5, patch_rate=0.25, weight_decay=0.1)
    found = rates(said, keys=4)
    assert [found[f"keys.{k}.fc1.0.weight"][0] for k in range(4)] == [0.5**4, 0.5**3, 0.5**2, 0.5]
    assert found["heads.vqa.hidden.weight"] == (1.0, 0.1)
    assert found["stem.words.weight"][0] == 0.5**5
    assert found["stem.patches.weight"] == (0.25 * 0.5**5, 0.1)


def test_a_shared_key_takes_the_mean_of_its_orders_places() -> None:
    found = rates(Optimiser(learning_rate=1.0, layer_decay=0.5), keys=2)
    assert found["keys.0.fc1.0.weight"][0] == pytest.approx(0.5**3.5)
    assert found["keys.1.coefficient"][0] == pytest.approx(0.5**1.5)


def test_only_matrices_decay_and_heads_have_a_rate_of_their_own() -> None:
    found = rates(Optimiser(learning_rate=1.0, weight_decay=0.1, head_rate=20.0), keys=2)
    for name, (rate, decay) in found.items():
        plain = name.endswith((".bias", ".scale", ".shift", "coefficient", "cls_token"))
        kept = plain or "norm" in name or "positions" in name
        assert decay == (0.0 if kept else 0.1), name
        assert rate == (20.0 if name.startswith("heads.") else 1.0), name


def test_warm_up_then_the_schedule_down_to_its_floor() -> None:
    said = Optimiser(learning_rate=1.0, floor=0.1)
    cosine = [Schedule(said, 110, 10).rate(step) for step in range(111)]
    assert cosine[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert (cosine[10], cosine[60]) == (1.0, pytest.approx(0.55))
    assert cosine[110] == pytest.approx(0.1)
    linear = Schedule(replace_schedule(said, "linear"), 110, 10)
    assert linear.rate(35) == pytest.approx(0.1 + 0.9 * 0.75)
    assert Schedule(replace_schedule(said, "constant"), 110, 10).rate(109) == 1.0


def replace_schedule(said: Optimiser, name: str) -> Optimiser:
    return said.model_copy(update={"schedule": name})
