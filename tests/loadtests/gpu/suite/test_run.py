from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import Any

import pytest

from loadtests.gpu.parts import machine
from loadtests.gpu.suite.rig import NotRun, Rig
from loadtests.gpu.suite.run import PartOutcome, SuiteOptions, SuitePart, run_suite
from loadtests.gpu.suite.sizes import SIZES


def good(rig: Rig) -> None:
    rig.note("seen", sorted(rig.earlier))
    rig.note("a.b", 1)
    rig.note("a.c", rig.said("failing", "half"))


def failing(rig: Rig) -> None:
    rig.note("half", "known")
    raise RuntimeError("the second half\nwent wrong")


def crashing(rig: Rig) -> None:
    rig.note("half", "known")
    os.kill(os.getpid(), signal.SIGKILL)


def hanging(rig: Rig) -> None:
    rig.note("half", "known")
    while True:
        signal.pause()


def absent(rig: Rig) -> None:
    raise NotRun("no such library; pip install it")


def forked(rig: Rig) -> None:
    if multiprocessing.current_process().__class__.__name__ == "ForkProcess":
        raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")
    rig.note("anew", True)


def run(parts: list[SuitePart], seconds: float = 60.0, **changes: Any) -> dict[str, PartOutcome]:
    options = SuiteOptions("cpu", SIZES["tiny"], seconds, **{"reserve_s": 0.0} | changes)
    return run_suite(options, parts, lambda said: None)


def test_a_part_that_fails_does_not_stop_the_others() -> None:
    parts = [
        SuitePart("failing", failing, 1),
        SuitePart("crashing", crashing, 1),
        SuitePart("absent", absent, 1),
        SuitePart("good", good, 1),
    ]
    found = run(parts)
    statuses = {name: outcome.status for name, outcome in found.items()}
    assert statuses == {
        "failing": "failed",
        "crashing": "failed",
        "absent": "not-run",
        "good": "done",
    }
    assert found["failing"].why == "RuntimeError: the second half"
    assert found["failing"].found == {"half": "known"}
    assert found["crashing"].why == f"its process ended with -{int(signal.SIGKILL)}"
    assert found["crashing"].found == {"half": "known"}
    assert found["absent"].record()["why"] == "no such library; pip install it"
    assert found["good"].found["a"] == {"b": 1, "c": "known"}


def test_processes_begin_anew_where_cuda_cannot_be_forked() -> None:
    found = run([SuitePart("fingerprint", machine.run, 1), SuitePart("forked", forked, 1)])
    assert found["fingerprint"].status == "done"
    assert found["forked"].record() == {
        "status": "done",
        "seconds": found["forked"].record()["seconds"],
        "anew": True,
    }


def test_a_part_that_hangs_is_cut_off_and_what_it_knew_is_kept() -> None:
    begun_s = time.monotonic()
    found = run([SuitePart("hanging", hanging, 1), SuitePart("good", good, 3)], seconds=1.0)
    assert found["hanging"].status == "cut off"
    assert found["hanging"].found == {"half": "known"}
    assert time.monotonic() - begun_s < 10


def test_what_is_left_when_time_is_over_is_skipped_with_the_reason() -> None:
    now_s = 0.0

    def said(text: str) -> None:
        nonlocal now_s  # a part is announced once its time is settled
        now_s += 100.0

    options = SuiteOptions("cpu", SIZES["tiny"], 60.0, reserve_s=0.0)
    parts = [SuitePart("first", good, 1), SuitePart("second", good, 1)]
    found = run_suite(options, parts, said, clock=lambda: now_s)
    assert found["first"].status == "done"
    assert found["second"] == PartOutcome(
        "skipped", why="0 s were left for it; give more --minutes"
    )


def test_on_a_gpu_a_part_that_needs_more_than_its_share_is_skipped() -> None:
    options = SuiteOptions("cuda", SIZES["tiny"], 10.0, reserve_s=0.0)
    found = run_suite(options, [SuitePart("long", good, 1, least_s=30.0)], lambda said: None)
    assert found["long"].status == "skipped"
    assert "--minutes" in found["long"].why


def test_nothing_runs_behind_a_gate_that_is_shut() -> None:
    found = run([SuitePart("gate", absent, 1, gate=True), SuitePart("good", good, 1)])
    assert found["good"].status == "skipped"
    assert found["good"].why == "gate: no such library; pip install it"


@pytest.mark.parametrize("seconds", [2.0, 8.0])
def test_the_whole_keeps_to_its_time(seconds: float) -> None:
    reported: list[float] = []

    def watch(rig: Rig) -> None:
        rig.note("left_s", rig.deadline.left_s)

    found = run([SuitePart("a", watch, 1), SuitePart("b", watch, 3)], seconds)
    reported = [found[name].found["left_s"] for name in "ab"]
    assert reported[0] == pytest.approx(seconds / 4, abs=0.3)
    assert reported[1] == pytest.approx(seconds, abs=0.9)
    assert reported[1] < seconds
