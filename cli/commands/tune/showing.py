"""How the steps of a tuning are shown: in a bar, and in a pipe as a line now and then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from cli.console import note

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from tuning.loop import TuningProgress

_WINDOW_STEPS = 50
"""Steps that the shown shares are means of, and steps from one line in a pipe to the next."""


def shown_steps(bars: Bars, steps: int, started_s: float) -> Callable[[TuningProgress], None]:
    """Return what shows a step."""
    stepping = bars.add_task("steps", total=steps, facts="")
    window: deque[TuningProgress] = deque(maxlen=_WINDOW_STEPS)

    def on_step(at: TuningProgress) -> None:
        window.append(at)
        facts = _facts(window)
        done = at.step + 1
        bars.update(stepping, completed=done, facts=facts)
        if not bars.console.is_terminal and done % _WINDOW_STEPS == 0:
            note(f"step {done}/{steps}  {time.monotonic() - started_s:.0f} s  {facts}")

    return on_step


def _facts(window: Sequence[TuningProgress]) -> str:
    """Say the recent share of right answers of every task, the last loss of one that writes."""
    right, losses = [], []
    for task, last in window[-1].tasks.items():
        if last.right is None:
            losses.append(f"{task} loss {last.loss:.3f}")
        else:
            mean = sum(each.tasks[task].right or 0.0 for each in window) / len(window)
            right.append(f"{task} {mean:.3f}")
    shares = [f"right: {' '.join(right)}"] if right else []
    return "  ".join((*shares, *losses))
