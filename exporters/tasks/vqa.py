"""Questions about a picture; their whole variants are what other runtimes load."""

from __future__ import annotations

from artifact.task import VQA
from exporters.tasks.one_pass import ExportedOnePass

EXPORTED_VQA = ExportedOnePass(VQA, whole_beside_stages=True)
