"""The fuzzer's targets hold for their seeds, and for seeds that are cut and changed a little."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.server.fuzz import __main__ as program
from tests.server.fuzz.__main__ import _NAMES, HANG_S, hangs
from tests.server.fuzz.targets import TARGETS

ROUNDS = 60


def changed(seed: bytes, chance: random.Random) -> bytes:
    data = bytearray(seed[: chance.randrange(len(seed) + 1)])
    for _ in range(chance.randrange(8)):
        at = chance.randrange(len(data) + 1)
        data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds_near_its_seeds(name: str) -> None:
    target, chance = TARGETS[name], random.Random(7)
    near = [changed(chance.choice(target.seeds), chance) for _ in range(ROUNDS)]
    for data in (b"", *target.seeds, *near):
        started_s = time.process_time()
        target.call(data)
        assert time.process_time() - started_s < HANG_S


def test_make_fuzz_runs_every_target() -> None:
    assert set(_NAMES) == set(TARGETS)


@pytest.mark.slow
def test_an_input_hangs_by_its_processor_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = tmp_path / "unit"
    unit.write_bytes(TARGETS["budget"].seeds[0])
    assert not hangs("budget", unit)
    monkeypatch.setattr(program, "HANG_S", 0)
    assert hangs("budget", unit)
