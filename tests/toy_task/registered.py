"""The entry that each of the six modules beside this one has in the registry of its layer."""

from __future__ import annotations

import pytest

from artifact.task import TASKS
from engine.tasks import ENGINE_TASKS
from exporters.tasks import EXPORTED_TASKS
from models.tasks import HEADS
from server.tasks import SERVED_TASKS
from tests.toy_task.exported import EXPORTED_SIZE
from tests.toy_task.head import SizeHead
from tests.toy_task.served import SERVED_SIZE
from tests.toy_task.task import SIZE
from tests.toy_task.tuned import TUNED_SIZE
from tests.toy_task.worked import SIZE_WORK
from tuning.tasks import TUNED_TASKS


def add_size_task(patch: pytest.MonkeyPatch) -> None:
    """Add the task to every registry until `patch` is undone."""
    patch.setitem(TASKS, SIZE.name, SIZE)
    patch.setitem(HEADS, SIZE.name, SizeHead)
    patch.setitem(TUNED_TASKS, SIZE.name, TUNED_SIZE)
    patch.setitem(EXPORTED_TASKS, SIZE.name, EXPORTED_SIZE)
    patch.setitem(ENGINE_TASKS, SIZE.name, SIZE_WORK)
    patch.setitem(SERVED_TASKS, SIZE.name, SERVED_SIZE)
