"""What NVIDIA's driver is asked, without one and with one written for the test."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.backends.cuda.driver import device_arch, has_cuda
from tests.engine.backends.cuda.fake_driver import compile_driver


def test_no_driver_is_no_device() -> None:
    assert not has_cuda("libno-such-driver.so.1")
    assert not has_cuda("libm.so.6")  # a library, but not a driver


def test_a_machine_without_a_driver_has_no_arch() -> None:
    assert device_arch(libraries=("libnothere.so.1",)) is None


@pytest.mark.parametrize(
    ("answers", "cuda", "arch"),
    [({}, True, "sm_90"), ({"INIT": 100}, False, None), ({"COUNT": 0}, False, "sm_90")],
)
def test_a_driver_tells_of_its_device(
    tmp_path: Path, answers: dict[str, int], cuda: bool, arch: str | None
) -> None:
    library = str(compile_driver(tmp_path, **answers))
    assert has_cuda(library) is cuda
    assert device_arch(libraries=("libno-such-driver.so.1", library)) == arch
