"""AdaLink: rank, modalities, tasks, initial checkpoint (arXiv 2310.12100, tables 2-4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from loadtests.tuning.ablate.adapter_recipes import (
    adapter,
    reported_on,
    tuned_on,
    with_words,
)
from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.recipes import (
    REPORTED,
    base,
    of_world,
    recipe_of,
    rehearsal,
    world_of,
)
from loadtests.tuning.ablate.run import AblationRun, Found
from loadtests.tuning.ablate.scale import EASY, AblationScale
from loadtests.tuning.ablate.statistics import Estimate, by_seed, difference, estimate, points
from loadtests.tuning.ablate.summary import Claim, Line, Panel, Summary
from loadtests.tuning.ablate.tasks import EVERY, JUDGED, QUESTIONS

RANKS = (4, 16, 64)
"""The paper's, but 256, which is more than our width."""
_USUAL = RANKS[-1]
_ONE, _THREE = (QUESTIONS,), EVERY
BASES = {"one task": _ONE, "three tasks": _THREE}
_RATE = 3e-3
_NOTES = (
    "one seed of each base; seeds are of the adapters",
    "the base is plain, so it is measured at full depth alone",
)
UNIFIED, SHARED = "unified", "shared by two tasks"
_PAPER_RANK = "144.5 CIDEr at rank 4, 146.3 at 64 and 256: saturates at 64 (table 2)"
_PAPER_UNIFIED = "146.3 over 145.5 CIDEr with as many parameters (table 3)"
_PAPER_BASE = "-0.05 of fine-tuning from a multi-task checkpoint, -2.58 from a raw one (table 4)"


def arm(rank: int, base_name: str = "three tasks") -> str:
    """Return what the runs of a rank are called."""
    return f"rank {rank}, {base_name}"


def full(base_name: str) -> str:
    """Return what fine-tuning of a base is called."""
    return f"all weights, {base_name}"


def alone(task: str) -> str:
    """Return what the runs of one task are called."""
    return f"{task} alone"


def runs(scale: AblationScale) -> list[AblationRun]:
    """Return every rank, unified tables, tasks together and apart, and both bases."""
    found: list[AblationRun] = []
    for seed in scale.adapter_seeds:
        found += [_link(scale, arm(rank), seed, {"rank": rank}) for rank in RANKS]
        found.append(_link(scale, UNIFIED, seed, {"rank": 2 * _USUAL, "unified": True}))
        usual = {"rank": _USUAL}
        found.append(_link(scale, arm(_USUAL, "one task"), seed, usual, base_name="one task"))
        found.append(_link(scale, SHARED, seed, usual, tasks=(QUESTIONS, JUDGED)))
        found += [_link(scale, alone(t), seed, usual, tasks=(t,)) for t in (QUESTIONS, JUDGED)]
        found += [_full(scale, name, seed) for name in BASES]
    return found


def _link(
    scale: AblationScale,
    name: str,
    seed: int,
    settings: Mapping[str, Any],
    base_name: str = "three tasks",
    tasks: tuple[str, ...] = (QUESTIONS,),
) -> AblationRun:
    method = adapter("adalink", settings, skip_probability=0.0, prefix_share=0.0)
    return _tuned(scale, name, seed, method, _RATE, base_name, tasks)


def _full(scale: AblationScale, base_name: str, seed: int) -> AblationRun:
    rate = scale.learning_rate
    return _tuned(scale, full(base_name), seed, {"kind": "full"}, rate, base_name, (QUESTIONS,))


def _tuned(
    scale: AblationScale,
    name: str,
    seed: int,
    method: Mapping[str, Any],
    rate: float,
    base_name: str,
    tasks: tuple[str, ...],
) -> AblationRun:
    """Return a run on a plain base: it has one depth, the full one."""
    kept = BASES[base_name]
    begun = AblationRun(f"{base_name} with new words", EASY, 0, {}, starts_from=base(scale, kept))
    start = with_words(scale, begun, {"checkpoint": ""}, kept)
    said = {task: _data(scale, task) for task in tasks}
    steps = scale.adapter_steps
    recipe = recipe_of("link", {"checkpoint": ""}, method, said, scale, steps, seed)
    recipe["optimiser"] |= {"learning_rate": rate}
    reports = {task: reported_on(EASY if task == QUESTIONS else task) for task in tasks}
    settings = {"recipe": recipe, "reports": reports, "examples": scale.examples}
    settings["depths"] = [scale.orders]
    needs = (world_of(scale), REPORTED) if JUDGED in tasks else ()
    expected = rehearsal({**recipe, "method": {"kind": "full"}}, scale)
    return AblationRun(
        name, EASY, seed, settings, needs=needs, starts_from=start, rehearsed=expected
    )


def _data(scale: AblationScale, task: str) -> dict[str, Any]:
    if task == QUESTIONS:
        return tuned_on(scale, EASY)
    return {**of_world(scale), "batch": max(1, scale.batch // 2)}


def summarise(scale: AblationScale, taken: Sequence[AblationRun], found: Found) -> Summary:
    """Return the four comparisons, and the paper's numbers beside them."""

    def at(name: str, task: str = QUESTIONS) -> list[float]:
        chosen = by_seed(taken, name, EASY)
        return [points(run, found, scale.orders, task) for run in chosen]

    below = {name: difference(at(arm(_USUAL, name)), at(full(name))) for name in BASES}
    shared = {
        task: difference(at(SHARED, task), at(alone(task), task)) for task in (QUESTIONS, JUDGED)
    }
    ranks = {rank: estimate(at(arm(rank))) for rank in RANKS}
    modalities = {"per modality, 64": at(arm(_USUAL)), "unified, 128": at(UNIFIED)}
    panels = (
        _rank_panel(ranks, estimate(at(full("three tasks")))),
        _named("modalities", {name: estimate(each) for name, each in modalities.items()}),
        _named("AdaLink less all weights", below, zero=True),
        _named("shared less alone", shared, zero=True),
    )
    gaps = (below["three tasks"].values, below["one task"].values)
    together = [fmean(each) for each in zip(*(e.values for e in shared.values()), strict=True)]
    claims = (
        Claim("rank 64 over 4", _PAPER_RANK, difference(ranks[64].values, ranks[4].values)),
        Claim("per modality over unified", _PAPER_UNIFIED, difference(*modalities.values())),
        Claim("gap to all weights, base of three tasks over one", _PAPER_BASE, difference(*gaps)),
        Claim("shared by two tasks over one each", None, estimate(together)),
    )
    return Summary(panels, claims, notes=_NOTES)


def _rank_panel(ranks: Mapping[int, Estimate], fine: Estimate) -> Panel:
    line = Line("AdaLink", tuple(ranks), tuple(ranks.values()))
    reference = Line("all weights", (RANKS[0], RANKS[-1]), (fine, fine), dashed=True)
    return Panel("rank", "rank", "quality, points", (line, reference), log=True)


def _named(title: str, found: Mapping[str, Estimate], *, zero: bool = False) -> Panel:
    line = Line("", tuple(map(float, range(len(found)))), tuple(found.values()))
    return Panel(title, "", "points" if zero else "quality, points", (line,), tuple(found), zero)


ADALINK = Ablation(
    "adalink",
    "AdaLink: rank, modalities, tasks, base (arXiv 2310.12100, tables 2-4)",
    "What makes AdaLink good?",
    runs,
    summarise,
)
