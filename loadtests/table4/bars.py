"""The bars of the table measured directly. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from artifact.task import TaskName
from loadtests.kit.bars import Bar
from loadtests.kit.pairs import CLAIM_PAIRS
from loadtests.table4.rows import CLEAR, Speed, inverted, of_task
from models.comparators.methods import METHODS

LEAST_SHARE = 0.93
"""What is left out must be time saved, to this share."""


def bars(found: Sequence[Speed], preset: str) -> list[Bar]:
    """Return the bars of every task measured."""
    tasks = dict.fromkeys(speed.task for speed in found)
    return [bar for task in tasks for bar in _of_task(of_task(found, task), preset, task)]


def not_run(task: TaskName, methods: Sequence[str], preset: str, why: str) -> list[Bar]:
    """Return the bars of a task that could not be measured."""
    shares = [
        Bar(_share_name(preset, task, method), None, LEAST_SHARE, True, why)
        for method in methods
        if METHODS[method].kind == "less"
    ]
    return [*shares, Bar(f"table4.{preset}.{task}.order", None, 0.0, False, why)]


def _share_name(preset: str, task: TaskName, method: str) -> str:
    return f"table4.{preset}.{task}.{method}.share-of-ideal"


def _of_task(found: Sequence[Speed], preset: str, task: TaskName) -> list[Bar]:
    held = [_share(speed, preset) for speed in found if METHODS[speed.method].kind == "less"]
    wrong, clear = inverted(found)
    named = "; ".join(f"{slow} before {fast}" for slow, fast in wrong)
    spread = f"of {clear} pairs whose ideals differ by {CLEAR - 1:.0%} or more"
    spread = f"{spread}: {named}" if named else spread
    evidence = {"pairs": clear, "inverted": [list(pair) for pair in wrong]}
    order = Bar(f"table4.{preset}.{task}.order", float(len(wrong)), 0.0, False, spread, evidence)
    return [*held, order]


def _share(speed: Speed, preset: str) -> Bar:
    low, middle, high = speed.ratio
    few = "" if speed.rounds >= CLAIM_PAIRS else ", too few to claim"
    spread = (
        f"{middle:.3f} ({low:.3f} to {high:.3f}) of {speed.ideal:.3f}, {speed.rounds} rounds{few}"
    )
    name = _share_name(preset, speed.task, speed.method)
    return Bar(name, speed.share, LEAST_SHARE, True, spread)
