"""Full fine-tuning and OTMV with torch.compile's kernels, beside torch's own."""

from __future__ import annotations

import time

from artifact.task import TASKS
from loadtests.gpu.device.timing import Call, Quartiles, ratios, rounds
from loadtests.gpu.models.methods import captured, draw, flops, made, relative_l2
from loadtests.gpu.suite.rig import NotRun, Rig
from loadtests.gpu.suite.sizes import SizedWork
from models.comparators.methods import FULL

COMPARED = (FULL, "otmv")


def run(rig: Rig) -> None:
    """Compile blocks (one compilation serves all that are alike), capture, measure in turns.

    Finds by task and method: seconds of compiling, milliseconds of both forms, how far the answers
    are apart; and OTMV's speed and share of its ideal when both are compiled.

    Raises:
        NotRun: on the CPU, where it says nothing about a GPU.
    """
    if not rig.device.is_cuda:
        raise NotRun("torch.compile is measured on CUDA; --device cuda")
    works = [work for work in rig.size.work if not TASKS[work.task].writes]
    for left, work in zip(range(len(works), 0, -1), works, strict=True):
        with rig.attending():
            _task(rig, work, left)


def _task(rig: Rig, work: SizedWork, left: int) -> None:
    config = rig.size.config(work)
    inputs = draw(work, config, rig)
    calls: dict[str, Call] = {}
    counted: dict[str, int] = {}
    for method in COMPARED:
        model, pattern = made(method, config, rig)
        counted[method] = flops(model, pattern, work, inputs)
        plain = captured(model, pattern, work, inputs, rig.device)
        calls[method] = plain.launch
        begun_s = time.monotonic()
        for key in model.keys:
            key.compile(dynamic=False)
        fused = captured(model, pattern, work, inputs, rig.device)
        calls[f"{method}.compiled"] = fused.launch
        rig.note(f"{work.task}.{method}.compile_s", round(time.monotonic() - begun_s, 2))
        plain.launch()
        fused.launch()
        apart = relative_l2(fused.output(), plain.output())
        rig.note(f"{work.task}.{method}.compiled_vs_plain", apart)
    samples = rounds(rig.device, calls, rig.deadline.part(1 / left), most=15)
    for name, times in samples.items():
        rig.note(f"{work.task}.ms.{name}", Quartiles.of(times).record(1e3))
    speed = ratios(samples[f"{FULL}.compiled"], samples["otmv.compiled"])
    ideal = counted[FULL] / counted["otmv"]
    rig.note(f"{work.task}.speed", speed.record())
    rig.note(f"{work.task}.share", round(speed.median / ideal, 4))
    rig.device.forget()
