"""How plots, tables and dashboards call a task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskTitles:
    """One task's titles.

    Attributes:
        task: its name, as series are labelled.
        plural: what it is asked for, such as "questions".
        data_set: what the paper's Table 4 measures it on.
        heading: of its column in Table 4.
        column: the place of that column, from 0.
    """

    task: str
    plural: str
    data_set: str
    heading: str
    column: int

    @property
    def long(self) -> str:
        """What it is asked for, and the data set in brackets."""
        return f"{self.plural} ({self.data_set})"
