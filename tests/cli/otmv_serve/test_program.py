"""What `otmv` and what it starts find, in a folder with modules of the same names."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from loadtests.kit.processes.child import run_child
from otmv_serve.program import application_folder
from pictures.worker_process import WorkerProcess
from tests.cli.otmv_serve.hostile import hostile_folder

ROOT = Path(__file__).parents[3]
_WORKER_BYTES = 2**30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return hostile_folder(tmp_path)


def test_in_a_clone_the_packages_lie_beside_this_one() -> None:
    assert application_folder() == ROOT


def test_an_installation_has_them_inside(tmp_path: Path) -> None:
    package = tmp_path / "otmv_serve"
    (package / "application" / "cli").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "application" / "cli" / "__init__.py").touch()
    program = ROOT / "otmv_serve" / "program.py"
    (package / "program.py").write_text(program.read_text("utf-8"), "utf-8")
    main = "def main():\n    import sys; print(sys.path[0])\n"
    (package / "application" / "cli" / "main.py").write_text(main, "utf-8")
    code = "import otmv_serve.program as program; program.main()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(package / "application")


def test_the_command_is_ours_wherever_it_is_typed(folder: Path) -> None:
    paths = os.pathsep.join((str(folder), str(ROOT)))
    done = subprocess.run(
        [sys.executable, "-m", "otmv_serve", "--version"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"otmv {version('otmv-serve')}\n"


def test_decode_workers_are_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(ROOT), *filter(None, sys.path)])

    async def start() -> bool:
        worker = WorkerProcess(_WORKER_BYTES)
        try:
            await worker.ready()
            return worker.alive
        finally:
            worker.kill()
            await worker.wait()

    assert asyncio.run(start())


def test_children_of_benchmarks_are_ours(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    assert run_child("loadtests.kit.errors", [], "a child") == ""
