"""The recipes that ablations of whole models change one thing of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtests.tuning.ablate.run import AblationRun, Preparation
from loadtests.tuning.ablate.scale import EASY, WORLD, AblationScale
from loadtests.tuning.ablate.tasks import DESCRIBED, JUDGED, QUESTIONS

Method = Mapping[str, Any]

FULL_METHOD: Method = {"kind": "full"}
_TUNED_SEED, _REPORTED_SEED, _REPORTED_PICTURES = 1, 4, 1000
"""Seeds of the generated world, as everywhere: tuned on, reported on."""
_FROM_BASE = {"checkpoint": "", "new_words": True}
TEXT_TOKENS = 24
_CAPTIONS_A_STEP = 6
"""A step has one caption for this number of questions."""

REPORTED = Preparation(
    f"world-{_REPORTED_SEED}-{_REPORTED_PICTURES}",
    (
        *("world", f"@world-{_REPORTED_SEED}-{_REPORTED_PICTURES}"),
        *("--count", str(_REPORTED_PICTURES), "--seed", str(_REPORTED_SEED)),
    ),
)


def world_of(scale: AblationScale) -> Preparation:
    """Return the generated world that is tuned on."""
    name = f"world-{_TUNED_SEED}-{scale.pictures}"
    options = ("--count", str(scale.pictures), "--seed", str(_TUNED_SEED))
    return Preparation(name, ("world", f"@{name}", *options))


def otmv(scale: AblationScale, skip_probability: float = 0.1, **changes: Any) -> Method:
    """Return once-tuning as the paper has it: gates drawn one by one, feed-forwards merged."""
    return {
        "kind": "otmv",
        "keys": scale.keys,
        "skip_probability": skip_probability,
        "prefix_share": 0.0,
        **changes,
    }


def base(scale: AblationScale, tasks: tuple[str, ...] = (QUESTIONS, DESCRIBED)) -> AblationRun:
    """Return the plain checkpoint that runs begin with: every order has a key block of its own."""
    batches = {QUESTIONS: scale.batch, DESCRIBED: max(1, scale.batch // _CAPTIONS_A_STEP)}
    batches[JUDGED] = max(1, scale.batch // 2)
    said = {task: {**of_world(scale), "batch": batches[task]} for task in tasks}
    recipe = recipe_of("base", shape_of(scale), FULL_METHOD, said, scale, scale.base_steps, 0)
    reports = {QUESTIONS: WORLD_REPORTED}
    settings = {"recipe": recipe, "reports": reports, "examples": scale.examples}
    settings["depths"] = [scale.orders]
    arm = f"base of {len(tasks)} task{'s' if len(tasks) > 1 else ''}"
    needs = (world_of(scale), REPORTED)
    return AblationRun(arm, WORLD, 0, settings, needs=needs, rehearsed=rehearsal(recipe, scale))


def tuned(
    scale: AblationScale,
    arm: str,
    data: str,
    seed: int,
    method: Method,
    *,
    longer: float = 1.0,
    as_long_as: tuple[AblationRun, float] | None = None,
) -> AblationRun:
    """Return a run that tunes the base on questions.

    Args:
        scale: how large.
        arm: what it is called.
        data: `EASY` or `WORLD`.
        seed: of what is new, batches and gates.
        method: how it is tuned.
        longer: times the usual number of steps.
        as_long_as: a run, and the share of its processor time that this one has in place of steps.
    """
    task, reported = EASY_TASK, EASY_REPORTED
    if data == WORLD:
        task, reported = of_world(scale), WORLD_REPORTED
    steps = max(1, round(longer * scale.steps[data]))
    said = {QUESTIONS: {**task, "batch": scale.batch, "text_tokens": TEXT_TOKENS}}
    recipe = recipe_of("ablated", _FROM_BASE, method, said, scale, steps, seed)
    depth = method.get("depth")
    settings = {
        "recipe": recipe,
        "reports": {QUESTIONS: reported},
        "examples": scale.examples,
        **({"depths": [depth]} if depth else {}),
    }
    needs = (world_of(scale), REPORTED) if data == WORLD else ()
    more: dict[str, Any] = {"as_long_as": as_long_as, "rehearsed": rehearsal(recipe, scale)}
    return AblationRun(arm, data, seed, settings, needs=needs, starts_from=base(scale), **more)


def rehearsal(recipe: Mapping[str, Any], scale: AblationScale) -> dict[str, Any]:
    """Return a recipe whose steps take as long, from random weights: for estimates."""
    method = dict(recipe["method"])
    if method["kind"] == "otmv":
        method = {"kind": "otmv", "keys": method.get("keys") or scale.keys}
    return on_no_data(recipe, shape_of(scale), method)


def on_no_data(
    recipe: Mapping[str, Any], model: Mapping[str, Any], method: Method
) -> dict[str, Any]:
    """Return one step of a recipe with another model and method, for data that is not there."""
    tasks = {
        task: {"data": "none", "batch": said["batch"], "text_tokens": TEXT_TOKENS}
        for task, said in recipe["tasks"].items()
    }
    run = {"steps": 1, "workers": 0}
    return {**recipe, "model": model, "method": method, "tasks": tasks, "run": run}


EASY_TASK: Mapping[str, Any] = {"data": EASY, "split": "tune", "labels": "data", "mirror": True}
"""What a recipe says of easy-VQA's questions."""
EASY_REPORTED, WORLD_REPORTED = (
    {"data": EASY, "split": "report"},
    {"data": REPORTED.said, "split": "all"},
)
"""What quality is reported on."""


def of_world(scale: AblationScale) -> dict[str, Any]:
    """Return a task's data in the generated world."""
    return {"data": world_of(scale).said, "split": "all"}


def shape_of(scale: AblationScale) -> dict[str, Any]:
    """Return a model of our own shape, with random weights."""
    sizes = {"orders": scale.orders, "width": scale.width, "heads": scale.heads}
    return {"shape": {**sizes, "image_size": 64, "patch_size": 16, "text_positions": 48}}


def recipe_of(
    name: str,
    model: Mapping[str, Any],
    method: Method,
    tasks: Mapping[str, Any],
    scale: AblationScale,
    steps: int,
    seed: int,
) -> dict[str, Any]:
    """Return what a recipe's file says."""
    optimiser = {"learning_rate": scale.learning_rate, "betas": [0.9, 0.98], "clip_norm": 1.0}
    optimiser["warmup_steps"] = min(200, max(1, steps // 10))
    kept = {"checkpoint_every": 250, "evaluate_every": steps, "workers": 0}
    return {
        "name": name,
        "about": "otmv ablate",
        "model": dict(model),
        "method": dict(method),
        "tasks": dict(tasks),
        "optimiser": optimiser,
        "run": {"steps": steps, "seed": seed, **kept},
    }
