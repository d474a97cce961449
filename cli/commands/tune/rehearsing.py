"""What `otmv tune --dry-run` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.console import note, say_pairs

if TYPE_CHECKING:
    from tuning.finetuning.rehearsal import Rehearsal

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def say_rehearsal(name: str, found: Rehearsal) -> None:
    """Print how long a run takes, and how much memory."""
    steps = "unknown until its data is there" if found.steps is None else f"{found.steps:,}"
    facts = {
        "recipe": name,
        "parameters": f"{found.parameters / 1e6:,.1f} million",
        "steps": steps,
        "a step": f"{_time(found.step_s)} (on {found.device}, without loading data)",
        "memory": f"{found.memory_mb / 1e3:,.1f} GB",
    }
    if found.steps is not None:
        facts["in all"] = _time(found.steps * found.step_s)
    facts["measured"] = found.measured
    say_pairs(facts)
    for lacking in found.lacking:
        note(lacking)


def _time(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 1:
        return f"{1e3 * seconds:.0f} ms"
    for unit_s, unit in ((_DAY_S, "days"), (_HOUR_S, "hours"), (_MINUTE_S, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:,.1f} {unit}"
    return f"{seconds:.1f} s"
