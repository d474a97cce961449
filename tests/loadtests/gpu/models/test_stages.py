from __future__ import annotations

import pytest
import torch

from loadtests.gpu.models.memory import memory
from loadtests.gpu.models.methods import draw, made, relative_l2, whole
from loadtests.gpu.models.stages import Stages, plain_block
from loadtests.gpu.parts.steps import KINDS, in_company, in_step
from loadtests.gpu.scheduling.costs import world
from loadtests.gpu.scheduling.loop import Loop
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import Rig
from loadtests.simulate.world import SimulatedDevice

NEAR = 2e-2
"""bf16 (ADR 0016)."""


@pytest.mark.parametrize("method", ["literal", "otmv"])
def test_composed_is_whole(method: str, rig: Rig) -> None:
    work = rig.size.of("vqa")
    config = rig.size.config(work)
    model, _ = made(method, config, rig)
    inputs = draw(work, config, rig)
    stages = Stages(rig, model, inputs, plain_block(model))
    inside = [model.config.order_in_key(k) for k in range(config.orders)]
    orders = [torch.full((work.batch,), order) for order in inside]
    stages.run(work.batch, orders)
    full = made("literal", config, rig)[1]
    wanted = whole(model, full, work, inputs)()
    assert relative_l2(stages.head(work.batch).output, wanted) < NEAR
    known = stages.whole(work.batch)
    known()
    assert relative_l2(known.output, wanted) < NEAR


def test_a_row_is_alone_in_mixed_company(rig: Rig) -> None:
    work = rig.size.of("vqa")
    config = rig.size.config(work)
    model, _ = made("literal", config, rig)
    for parameter in model.keys.parameters():  # orders must differ to be told apart
        parameter += 0.1 * torch.randn_like(parameter)
    stages = Stages(rig, model, draw(work, config, rig), plain_block(model))
    runs = []
    for steps in (in_step, in_company):
        stages.run(work.batch, list(steps(rig, config.orders, work.batch)))
        runs.append(stages.slots(work.batch).y.clone())
    assert relative_l2(runs[1][0], runs[0][0]) < NEAR
    assert relative_l2(runs[1][1], runs[0][1]) > NEAR, "row 1 ran other variants"


def test_rows_in_company_run_whole_variants_one_after_another(rig: Rig) -> None:
    assert in_step(rig, 3, 2).tolist() == [[0, 0], [1, 1], [2, 2]]
    assert rig.size.depths == (1, 2, 3, 4)
    assert in_company(rig, 4, 4).T.tolist() == [
        [0, 1, 2, 3],
        [0, 1, 0, 1],
        [0, 1, 2, 0],
        [0, 1, 2, 3],
    ]


def test_the_world_has_the_costs_that_were_measured() -> None:
    lines = {"stem": (1e-4, 2e-5), "block": (3e-5, 5e-5), "head": (1e-5, 1e-6)}
    released = world(SimulatedDevice().depths, 16, lines)
    assert released.quality == SimulatedDevice().quality
    assert (released.block, released.stem, released.head) == tuple(
        lines[kind] for kind in ("block", "stem", "head")
    )
    few = world((1, 2, 3, 4), 4, lines)
    assert few.quality[-1] == pytest.approx(SimulatedDevice().quality[-1], abs=0.1)
    assert sorted(set(few.quality)) == list(few.quality)


def test_the_scheduler_drives_every_stage(rig: Rig) -> None:
    work = rig.size.of("vqa")
    config = rig.size.config(work)
    model, _ = made("literal", config, rig)
    stages = Stages(rig, model, draw(work, config, rig), plain_block(model))
    batches = [batch for batch in rig.size.batches if batch <= rig.size.peak_batch]
    costs = {f"{kind}.{batch}": 1e-4 for kind in KINDS for batch in batches}
    lines = {kind: (5e-5, 1e-5) for kind in KINDS}
    loop = Loop(rig, stages, world(rig.size.depths, rig.size.peak_batch, lines), costs)
    found = loop.run(TimeLimit(20))
    assert found["decisions"] == 400
    assert 1.0 < found["rows_per_step"] <= rig.size.peak_batch
    assert found["idle_share"] < 1.0
    assert set(stages._graphs) >= {("stem", 0, 4), ("block", 0, 4)}
    assert any(kind == "head" for kind, _, _ in stages._graphs)


def test_one_copy_takes_less_memory_than_a_model_for_each_depth(rig: Rig) -> None:
    found = memory(rig, rig.size.config(rig.size.of("vqa")))
    assert found["variants"] == len(rig.size.depths)
    literal, otmv = (found[method]["resident_bytes"] for method in ("literal", "otmv"))
    assert 0 < literal < otmv < found["separate_bytes"]
