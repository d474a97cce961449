"""The composed engine on the device: what a step costs, and what cutting the graph costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from artifact.pattern import SkipPattern
from artifact.stage import StageKind
from artifact.task import VQA
from loadtests.gpu.device.device import Replay
from loadtests.gpu.device.timing import Call, Quartiles, ratios, rounds
from loadtests.gpu.models.memory import memory
from loadtests.gpu.models.methods import RandomInputs, draw, made, relative_l2, whole
from loadtests.gpu.models.stages import Stages, compiled_block, plain_block
from loadtests.gpu.scheduling.costs import world
from loadtests.gpu.scheduling.fitting import fit
from loadtests.gpu.scheduling.loop import Loop
from loadtests.gpu.suite.rig import Rig
from loadtests.gpu.suite.sizes import SizedWork
from models.key_block import KeyBlock

OneGraph = Callable[[int], Replay]
"""Captures a model whole, for a batch."""

KINDS: tuple[str, ...] = (StageKind.STEM, StageKind.BLOCK, StageKind.HEAD)
COMPILING_S = 60.0
"""A second form, by torch.compile, is begun only with so much time left."""


def run(rig: Rig) -> None:
    """Measure stages of the model with one key, first with torch's kernels, then with fused ones.

    Finds by form (`plain`, `compiled`): `stages` (a + b · rows), `peak_share` of the block,
    `composed` over whole graphs, `mixed` over uniform batches, `idle` of the device while the
    scheduler drives it; and `memory` of one copy for all variants.
    """
    largest = replace(rig.size.of(VQA.name), batch=max(*rig.size.batches, *rig.size.compared))
    config = rig.size.config(largest)
    rig.note("memory", memory(rig, config))
    model, pattern = made("literal", config, rig)
    inputs = draw(largest, config, rig)
    with rig.attending():
        stages = Stages(rig, model, inputs, plain_block(model))
        _form(rig, "plain", stages, _as_it_is(stages, pattern, inputs))
        if not rig.device.is_cuda:
            rig.note("compiled.why_not", "torch.compile is measured on CUDA")
        elif rig.deadline.over(COMPILING_S):
            rig.note("compiled.why_not", f"less than {COMPILING_S:.0f} s were left")
        else:
            del stages
            rig.device.forget()
            _compiled(rig, Stages(rig, model, inputs, compiled_block(model)))


def _compiled(rig: Rig, stages: Stages) -> None:
    """Measure the fused form; where the compiler fails, that is a finding."""
    try:
        _form(rig, "compiled", stages, stages.whole)
    except Exception as error:  # torch.compile raises many kinds
        lines = str(error).splitlines() or [""]
        rig.note("compiled.why_not", f"{type(error).__name__}: {lines[0]}")


def _as_it_is(stages: Stages, pattern: SkipPattern, inputs: RandomInputs) -> OneGraph:
    """Return what captures the model's own forward as one graph."""

    def capture(batch: int) -> Replay:
        work = SizedWork(VQA.name, batch, stages.model.config.image_size)
        return stages.capture(whole(stages.model, pattern, work, inputs.first(batch)))

    return capture


def _form(rig: Rig, form: str, stages: Stages, one_graph: OneGraph) -> None:
    """Measure one form; each finding is written before the next is begun."""
    peak = rig.size.peak_batch
    times = _stage_times(rig, stages)
    fits = {kind: fit({b: times[f"{kind}.{b}"] for b in rig.size.batches}) for kind in KINDS}
    rig.note(f"{form}.stages", {kind: found.record() for kind, found in fits.items()})
    rig.note(f"{form}.us", {name: round(s * 1e6, 3) for name, s in times.items()})
    rate = _block_flops(stages, peak) / times[f"block.{peak}"]
    rig.note(f"{form}.block_flops", rate)
    ceiling = rig.said("peak", "bf16_flops")
    rig.note(f"{form}.peak_share", None if ceiling is None else round(rate / ceiling, 4))
    _composed(rig, form, stages, one_graph)
    _mixed(rig, form, stages)
    lines = {kind: found.line for kind, found in fits.items()}
    loop = Loop(rig, stages, world(rig.size.depths, peak, lines), times)
    rig.note(f"{form}.idle", loop.run(rig.deadline.part(0.2)))


def _stage_times(rig: Rig, stages: Stages) -> dict[str, float]:
    """Return median seconds by `kind.batch`."""
    calls: dict[str, Call] = {}
    for batch in rig.size.batches:
        for kind in KINDS:
            calls[f"{kind}.{batch}"] = getattr(stages, kind)(batch)
    samples = rounds(rig.device, calls, rig.deadline.part(0.25), most=15)
    return {name: Quartiles.of(times).median for name, times in samples.items()}


def _block_flops(stages: Stages, batch: int) -> int:
    """Count the FLOPs of one block call."""
    key, slots = stages.model.keys[0], stages.slots(batch)
    assert isinstance(key, KeyBlock)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        key.forward(slots.h, slots.order, stages.model.config.image_tokens, None)
    return int(counter.get_total_flops())


def _composed(rig: Rig, form: str, stages: Stages, one_graph: OneGraph) -> None:
    """Compare stem, blocks and head in turn with the same model as one graph."""
    orders, config = stages.model.config.orders, stages.model.config
    calls: dict[str, Call] = {}
    strays = {}
    for batch in rig.size.compared:
        one = one_graph(batch)
        composed = _bound(stages, batch, list(in_step(rig, orders, batch)))
        one()
        wanted = one.output.clone()
        composed()
        strays[batch] = relative_l2(stages.head(batch).output, wanted)
        calls[f"whole.{batch}"], calls[f"composed.{batch}"] = one, composed
    samples = rounds(rig.device, calls, rig.deadline.part(0.35), most=15)
    for batch in rig.size.compared:
        cut_s, whole_s = samples[f"composed.{batch}"], samples[f"whole.{batch}"]
        rig.note(
            f"{form}.composed.{batch}",
            {
                "ratio": ratios(cut_s, whole_s).record(),
                "composed_ms": Quartiles.of(cut_s).record(1e3),
                "whole_ms": Quartiles.of(whole_s).record(1e3),
                "answers_apart": strays[batch],
                "orders": config.orders,
            },
        )


def _mixed(rig: Rig, form: str, stages: Stages) -> None:
    """Compare a batch of rows on different variants with one in lock step; same row-steps."""
    batch, orders = rig.size.peak_batch, stages.model.config.orders
    uniform = _bound(stages, batch, list(in_step(rig, orders, batch)))
    mixed = _bound(stages, batch, list(in_company(rig, orders, batch)))
    uniform()
    alone = stages.slots(batch).y[0].clone()
    mixed()
    apart = relative_l2(stages.slots(batch).y[0], alone)
    calls = {"uniform": uniform, "mixed": mixed}
    samples = rounds(rig.device, calls, rig.deadline.part(0.2), most=15)
    found = ratios(samples["mixed"], samples["uniform"]).record()
    rig.note(f"{form}.mixed", {"ratio": found, "row_in_company_apart": apart})


def _bound(stages: Stages, batch: int, orders: list[Tensor]) -> Callable[[], None]:
    return lambda: stages.run(batch, orders)


def in_step(rig: Rig, orders: int, batch: int) -> Tensor:
    """Return int64 `[orders, batch]`, pinned: every row runs the same order at every step."""
    return _pinned(rig, torch.arange(orders)[:, None].repeat(1, batch))


def in_company(rig: Rig, orders: int, batch: int) -> Tensor:
    """Return int64 `[orders, batch]`, pinned: rows on different variants, at different depths.

    Row 0 runs the whole stack. Every other runs variants of the ladder one after another, each
    from its first order, and begins with another one than the row before it.
    """
    depths = rig.size.depths
    columns = [list(range(orders))]
    for row in range(1, batch):
        turned = (depths[(row + turn) % len(depths)] for turn in range(orders))
        columns.append([order for depth in turned for order in range(depth)][:orders])
    return _pinned(rig, torch.tensor(columns).T.contiguous())


def _pinned(rig: Rig, steps: Tensor) -> Tensor:
    return steps.pin_memory() if rig.device.is_cuda else steps
