"""Statements about two pictures that are true or false."""

from __future__ import annotations

from collections.abc import Sequence

from artifact.task import REASON
from exporters.examples import Example
from exporters.tasks.one_pass import ExportedOnePass


def _truth(example: Example, labels: Sequence[str]) -> int:
    """Return the index of a statement's truth value."""
    return int(bool(example.truth))


EXPORTED_REASON = ExportedOnePass(REASON, right_class=_truth)
