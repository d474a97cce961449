"""What watches a server: its memory, its health, its control group."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest

from loadtests.kit.errors import BenchError
from loadtests.siege.attackers.attack import AttackJob
from loadtests.siege.cgroup import limited
from loadtests.siege.processes import beside, run_beside
from loadtests.siege.resident import resident_mb, watching
from loadtests.siege.setup import attacked, attacking


def test_memory_is_that_of_all_processes() -> None:
    before_mb = resident_mb(os.getpid())
    program = "data = bytearray(100_000_000); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert resident_mb(os.getpid()) - before_mb > 95
        child.communicate(b"\n")


def test_the_most_memory_is_remembered() -> None:
    with watching(os.getpid()) as seen:
        data = bytearray(60_000_000)
        while seen.grew_mb < 50:
            time.sleep(0.01)
        del data
    assert seen.most_mb > seen.first_mb


def test_a_failed_process_is_named() -> None:
    with pytest.raises(BenchError, match="the generator ended with 1"):
        run_beside("loadtests.siege.generator", "no job", "the generator")


def test_a_process_does_not_outlive_its_block() -> None:
    job = '{"host": "127.0.0.1", "port": 1, "seconds": 60}'
    with beside("loadtests.siege.health_watch", job, "the watcher") as found:
        process = found.process
    assert process.poll() is not None


def test_the_kernel_ends_what_exceeds_its_group() -> None:
    with ExitStack() as stack:
        try:
            group = stack.enter_context(limited(50_000_000))
        except BenchError as error:
            pytest.skip(str(error))  # not root, or a container that may make no group
        program = "bytearray(200_000_000)"
        done = subprocess.run([*group.wrapper, sys.executable, "-c", program])
        assert done.returncode != 0
        assert group.killed == 1
        assert 40 < group.most_mb < 60
        fits = subprocess.run([*group.wrapper, sys.executable, "-c", ""])
        assert fits.returncode == 0


def test_an_attack_begins_when_its_requests_are_made() -> None:
    with attacking(AttackJob("127.0.0.1", 1, ["chunk size too large"], 10.0, 0.1)) as attacker:
        assert attacked(attacker).ended == {"chunk size too large": {"0": 1}}
