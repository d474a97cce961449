"""The last step that ran, as it was predicted: what settled rows had bet on it."""

from __future__ import annotations

from dataclasses import dataclass

from engine.elastic.chances import GUESS, Chances
from engine.elastic.snapshot import Run
from engine.elastic.sorting import load
from engine.requests.request import Request


@dataclass(frozen=True)
class LastStep:
    """A step, or several of one stage in a row: when it began, and what was predicted then."""

    began_s: float
    calls: int = 0
    mean_s: float = 0.0
    chances: Chances = GUESS

    @classmethod
    def of(cls, run: Run, now: float, chances: Chances) -> LastStep:
        """Return what is predicted of a run that begins now."""
        lead = run.rows[0]
        fixed_s, row_s = lead.route.lines[lead.position]
        return cls(now, run.steps, run.steps * (fixed_s + row_s * load(run.rows)), chances)

    def on_time_chance(self, request: Request, together: int) -> float | None:
        """Return the chance that a request settled after it is on time, as seen before it."""
        if not request.has_deadline or request.awaits_first_word:
            return None
        route, position = request.view.route, request.view.position
        fixed_s, row_s = route.tail(position)
        mean_s = self.mean_s + fixed_s + row_s * together
        left_s = request.deadline_s - self.began_s
        return self.chances.in_time(self.calls + route.tail_calls, mean_s, left_s)
