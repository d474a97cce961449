from __future__ import annotations

import math
import os

import pytest

from artifact.latency import machine
from artifact.latency.machine import cores_within, machine_fingerprint, usable_cores


@pytest.mark.parametrize(
    ("cores", "quota", "usable"),
    [(8, math.inf, 8), (8, 4.0, 4), (8, 2.5, 2), (8, 0.2, 1), (2, 4.0, 2), (1, 1.0, 1)],
)
def test_a_quota_pays_for_whole_processors(cores: int, quota: float, usable: int) -> None:
    assert cores_within(cores, quota) == usable


def _with_quota(monkeypatch: pytest.MonkeyPatch, quota: float) -> None:
    monkeypatch.setattr(machine, "cpu_quota", lambda read: quota)


def test_a_quota_bounds_the_cores_that_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_quota(monkeypatch, math.inf)
    assert usable_cores() == len(os.sched_getaffinity(0))
    _with_quota(monkeypatch, 1.0)
    assert usable_cores() == 1


def test_cores_that_are_forbidden_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_quota(monkeypatch, math.inf)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3})
    assert usable_cores() == 1


def test_the_fingerprint_tells_quotas_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    for quota in (math.inf, 2.0, 1.5, 1.0, 0.5):
        _with_quota(monkeypatch, quota)
        seen.add(machine_fingerprint())
    assert len(seen) == 5
