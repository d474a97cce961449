"""A stand-in for a device, and the memory on it."""

from __future__ import annotations

import pytest

from engine.backends.cuda.arrays import CudaMemory
from engine.backends.cuda.runtime import Cuda
from tests.engine.backends.cuda.fake_runtime import FakeCuda


@pytest.fixture
def device() -> FakeCuda:
    return FakeCuda()


@pytest.fixture
def memory(device: FakeCuda) -> CudaMemory:
    return CudaMemory(Cuda(device))
