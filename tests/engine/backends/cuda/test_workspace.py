"""The space that calls use in turn."""

from __future__ import annotations

import gc
from itertools import pairwise

from engine.backends.cuda.runtime import Cuda
from engine.backends.cuda.workspace import Workspace
from tests.engine.backends.cuda.fake_runtime import FakeCuda


def test_a_workspace_never_moves_and_seldom_grows() -> None:
    device = FakeCuda()
    workspace = Workspace(Cuda(device))
    sizes = [1000, 500, 1001, 2000, 1999, 5000]
    spaces = [workspace.claim(size, size // 2) for size in sizes]
    assert all(space.device_bytes >= size for space, size in zip(spaces, sizes, strict=True))
    assert [one is other for one, other in pairwise(spaces)] == [True, False, True, True, False]
    used = device.used
    del spaces[:2]
    gc.collect()
    assert device.used < used, "the smallest space was freed with its last user"
