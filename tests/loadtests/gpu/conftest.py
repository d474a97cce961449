from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from loadtests.gpu.device.device import Device
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.rig import Rig
from loadtests.gpu.suite.sizes import SIZES


@pytest.fixture(autouse=True)
def no_grad() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.fixture
def rig() -> Rig:
    """Return what a part works with on the CPU, with little time: three rounds of everything."""
    return Rig(Device("cpu"), SIZES["tiny"], 0, TimeLimit(0.05))
