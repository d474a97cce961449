"""The tasks that ablations tune for, by what they are for here."""

from __future__ import annotations

from artifact.task import CAPTION, REASON, VQA

QUESTIONS, DESCRIBED, JUDGED = VQA.name, CAPTION.name, REASON.name
"""Questions about one picture; pictures described in words; statements about two pictures."""
EVERY = (QUESTIONS, DESCRIBED, JUDGED)
