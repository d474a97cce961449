"""Recipes that ablations of adapters change one thing of: few parameters, a frozen base. Pure.

The base knows the generated world. Questions of easy-VQA are new to it (the study calls such data
inconsistent with what came before); captions of its own world are not (consistent).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtests.tuning.ablate.recipes import (
    EASY_REPORTED,
    EASY_TASK,
    FULL_METHOD,
    REPORTED,
    TEXT_TOKENS,
    WORLD_REPORTED,
    Method,
    of_world,
    on_no_data,
    recipe_of,
    world_of,
)
from loadtests.tuning.ablate.run import AblationRun, Preparation
from loadtests.tuning.ablate.scale import EASY, AblationScale
from loadtests.tuning.ablate.tasks import DESCRIBED, QUESTIONS

CAPTIONS = "captions"
"""Of the world that the base was tuned on."""
TASK_OF = {EASY: QUESTIONS, CAPTIONS: DESCRIBED}

DEMO = Preparation("demo-weights", ("import", "examples/demo-artifact", "--out", "@demo-weights"))
_DEMO_SHAPE = {"orders": 8, "width": 192, "heads": 6, "image_size": 64, "text_positions": 48}
_DEMO_KEYS = 2
_NO_RATE = 1e-12
_GATES = {"skip_probability": 0.1, "prefix_share": 0.4}
"""As the demo was tuned: a share of the draws is a stop of its chain."""

ALL_WEIGHTS: Method = {"kind": "otmv", **_GATES}
"""Full fine-tuning of the demo for all its variants: what adapters are compared with."""


def adapter(form: str, settings: Mapping[str, Any], **changes: Any) -> Method:
    """Return a method with few parameters."""
    return {"kind": "adapter", "form": form, "settings": dict(settings), **_GATES, **changes}


def demo_with_words(scale: AblationScale) -> AblationRun:
    """Return the demo with rows for the words of easy-VQA, which are random; no weight moves."""
    run = AblationRun("demo with new words", EASY, 0, {}, needs=(DEMO,))
    return with_words(scale, run, {"checkpoint": DEMO.said}, (QUESTIONS,))


def with_words(
    scale: AblationScale, begun: AblationRun, model: Mapping[str, Any], tasks: tuple[str, ...]
) -> AblationRun:
    """Return a run that gives a checkpoint rows for the words of easy-VQA.

    Args:
        scale: how large.
        begun: its name, what it needs and starts from.
        model: of its recipe.
        tasks: that the checkpoint keeps.
    """
    said = {task: {**of_world(scale), "batch": 4} for task in tasks}
    said[QUESTIONS] = {"data": EASY, "split": "tune", "batch": 4, "text_tokens": TEXT_TOKENS}
    recipe = recipe_of("words", {**model, "new_words": True}, FULL_METHOD, said, scale, 1, 0)
    recipe["optimiser"] |= {"learning_rate": _NO_RATE, "weight_decay": 0.0}
    reports = {QUESTIONS: EASY_REPORTED}
    settings = {"recipe": recipe, "reports": reports, "examples": 8, "depths": [1]}
    worlds = (world_of(scale),) if len(tasks) > 1 else ()
    return AblationRun(
        begun.arm,
        begun.data,
        begun.seed,
        settings,
        needs=(*begun.needs, *worlds),
        starts_from=begun.starts_from,
        rehearsed=_rehearsed(recipe),
    )


def on_demo(
    scale: AblationScale,
    arm: str,
    data: str,
    seed: int,
    method: Method,
    rate: float,
    share: float = 1.0,
) -> AblationRun:
    """Return a run that adapts the demo.

    Args:
        scale: how large.
        arm: what it is called.
        data: `EASY` or `CAPTIONS`.
        seed: of what is new, batches and gates.
        method: how it is tuned.
        rate: peak of the learning rate.
        share: of the pictures.
    """
    task = TASK_OF[data]
    start = demo_with_words(scale) if data == EASY else None
    said = {task: {**tuned_on(scale, data), "data_share": share}}
    recipe = recipe_of("adapted", {"checkpoint": DEMO.said}, method, said, scale, 1, seed)
    recipe["run"]["steps"] = recipe["run"]["evaluate_every"] = scale.adapter_steps
    recipe["optimiser"] |= {
        "learning_rate": rate,
        "warmup_steps": max(1, scale.adapter_steps // 10),
    }
    settings: dict[str, Any] = {"recipe": recipe, "reports": {task: reported_on(data)}}
    settings["examples"] = scale.examples if data == EASY else scale.captions
    worlds = () if data == EASY else (DEMO, world_of(scale), REPORTED)
    return AblationRun(
        arm, data, seed, settings, needs=worlds, starts_from=start, rehearsed=_rehearsed(recipe)
    )


def tuned_on(scale: AblationScale, data: str) -> dict[str, Any]:
    """Return what a recipe says of its task's data."""
    if data == CAPTIONS:
        return {**of_world(scale), "batch": max(1, scale.batch // 2)}
    return {**EASY_TASK, "batch": scale.batch, "text_tokens": TEXT_TOKENS}


def reported_on(data: str) -> dict[str, str]:
    """Return what quality is reported on."""
    return EASY_REPORTED if data == EASY else WORLD_REPORTED


def _rehearsed(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe whose steps take no less: all weights of a model of the demo's shape."""
    method = {"kind": "otmv", "keys": _DEMO_KEYS}
    return on_no_data(recipe, {"shape": _DEMO_SHAPE}, method)
