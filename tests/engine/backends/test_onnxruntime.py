from __future__ import annotations

import pytest

from engine.backends.base import Backend
from engine.backends.registry import open_backend
from engine.errors import LoadFailed
from tests.engine.backends.backend_contract import BackendContract


class TestOnnxRuntime(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def backend(cls) -> Backend:
        return open_backend("onnxruntime")


def test_one_thread_pool_per_process() -> None:
    open_backend("onnxruntime")
    with pytest.raises(LoadFailed, match="another process"):
        open_backend("onnxruntime", threads=63)
