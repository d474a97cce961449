"""4. Exporting: its stages, examples and FLOPs, all of them those of a task of one pass."""

from __future__ import annotations

from exporters.examples import Example
from exporters.tasks.one_pass import ExportedOnePass
from tests.toy_task.task import PROMPT, SIZE, size_label

EXPORTED_SIZE = ExportedOnePass(SIZE)


def size_example(image: bytes, objects: int) -> Example:
    """Return a labelled request for export: `image` is the encoded picture."""
    return Example(image, SIZE.name, question=PROMPT, answers=(size_label(objects),))
