"""Where adapters' time goes: launched one by one, or as a graph; large and small batch."""

from __future__ import annotations

from artifact.task import VQA
from loadtests.gpu.device.profiling import seen
from loadtests.gpu.device.timing import Call, Quartiles, ratios, rounds
from loadtests.gpu.models.methods import captured, draw, made, whole
from loadtests.gpu.suite.rig import Rig
from models.comparators.methods import FULL, METHODS

COMPARED = (
    FULL,
    "lora",
    *(each.id for each in METHODS.values() if each.kind == "added" and each.paper_speeds),
)
"""Those that the paper has as adding to every block, and what they are compared with."""


def run(rig: Rig) -> None:
    """Measure VQA eagerly and as graphs, at Table 4's batch and at one question.

    Finds by batch and method: milliseconds of both, speed over `full` of both, kernels of an eager
    call and the share of its time in which none ran. If the paper's 0.60 to 0.72 were the price of
    launching, the eager speeds would show it and those of graphs would not.
    """
    work = rig.size.of(VQA.name)
    config = rig.size.config(work)
    inputs = draw(work, config, rig)
    batches = (work.batch, 1)
    with rig.attending():
        models = {method: made(method, config, rig) for method in COMPARED}
        for left, batch in zip((2, 1), batches, strict=True):
            some = inputs.first(batch)
            calls: dict[str, Call] = {}
            for method, (model, pattern) in models.items():
                eager = whole(model, pattern, work, some)
                calls[f"{method}.eager"] = _dropped(eager)
                calls[f"{method}.graph"] = captured(model, pattern, work, some, rig.device).launch
            samples = rounds(rig.device, calls, rig.deadline.part(0.7 / left), most=15)
            for name, times in samples.items():
                method, form = name.split(".")
                over = ratios(samples[f"{FULL}.{form}"], times)
                place = f"batch{batch}.{method}.{form}"
                rig.note(place, {"ms": Quartiles.of(times).record(1e3), "speed": over.record()})
            for method in COMPARED:
                rig.note(f"batch{batch}.{method}.profile", _profile(rig, calls[f"{method}.eager"]))
            rig.device.forget()


def _profile(rig: Rig, call: Call) -> dict[str, float | int | str]:
    """Return what the profiler sees, or why it sees nothing."""
    try:
        return {**seen(rig.device, call).record()}
    except RuntimeError as error:
        return {"why_not": str(error).splitlines()[0]}


def _dropped(call: object) -> Call:
    assert callable(call)

    def launch() -> None:
        call()

    return launch
