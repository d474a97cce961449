from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.kit.processes.tree import stop_tree, tree, tree_cpu_s


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_tree_of_processes_is_counted_and_stopped() -> None:
    child = "print(1, flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    members = tree(process.pid)
    assert [members[0].pid, members[1].parent] == [process.pid, process.pid]
    assert tree_cpu_s(process.pid) > 0
    stop_tree(process, 5.0)
    assert process.returncode is not None
    process.stdout.read()  # ends once no process holds the pipe
    process.stdout.close()
