"""The wheel, built and installed into a fresh environment, in a folder like a user's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.cli.otmv_serve.hostile import hostile_folder

pytest.importorskip("hatchling", reason="the build backend: pip install -r requirements/build.txt")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
DEMO, PICTURE = ROOT / "examples/demo-artifact", ROOT / "examples/images/shapes.jpg"
_BUILD = "import hatchling.build, sys; print(hatchling.build.build_wheel(sys.argv[1]))"
_MEASURE = """
import sys
from otmv_serve import program
sys.path.insert(0, str(program.application_folder()))
from loadtests.kit.processes.child import run_child
print(run_child("loadtests.slo.capacity", [sys.argv[1], "onnxruntime"], "capacity"))
"""
_ASK = """
import sys
from otmv_serve import OtmvClient
with OtmvClient(sys.argv[1]) as client:
    print(client.ask(sys.argv[2], "how many objects are there?").answer)
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder that is hostile to it."""

    environment: Path
    folder: Path

    def variables(self, **more: str) -> dict[str, str]:
        """Return what a user's shell has; their own modules are on the path too."""
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("OTMV_", "PYTHON"))}
        path = f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PATH": path, "PYTHONPATH": str(self.folder), "COLUMNS": "200", **more}

    def said(self, *words: object) -> str:
        """Return what a program of the environment prints, run in the folder."""
        done = subprocess.run(
            [str(self.environment / "bin" / str(words[0])), *map(str, words[1:])],
            cwd=self.folder,
            env=self.variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build and install the wheel, without a network: its libraries are those of this process."""
    made = tmp_path_factory.mktemp("installed")
    built = subprocess.run(
        [sys.executable, "-c", _BUILD, str(made)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wheel = made / built.stdout.split()[-1]
    environment = made / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    offline = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
    pip = (sys.executable, "-m", "pip", "--python", str(python), "install")
    subprocess.run([*pip, *offline, str(wheel)], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    specs = [find_spec(name) for name in ("fastapi", "numpy", "torch")]
    folders = {str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin}
    (site / "libraries.pth").write_text("\n".join(sorted(folders)), "utf-8")
    return Installed(environment, hostile_folder(made / "folder"))


@contextmanager
def serving(installed: Installed, cache: Path) -> Iterator[str]:
    """Serve the demo in the hostile folder; yield the address."""
    words = ("serve", str(DEMO), "--port", "0", "--cache-dir", str(cache))
    process = subprocess.Popen(
        [str(installed.environment / "bin/otmv"), *words],
        cwd=installed.folder,
        env=installed.variables(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if found := re.search(r"ready: (http://\S+)", line):
                threading.Thread(target=process.stderr.read, daemon=True).start()
                yield found[1]
                break
        else:
            raise AssertionError("".join(lines))
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_site_packages_has_one_name_more(installed: Installed) -> None:
    (record,) = installed.environment.glob("lib/*/site-packages/otmv_serve-*.dist-info/RECORD")
    tops = {line.partition("/")[0] for line in record.read_text("utf-8").splitlines()}
    assert tops == {"otmv_serve", record.parent.name, ".."}
    assert "otmv" in {path.name for path in (installed.environment / "bin").iterdir()}


def test_it_serves_and_is_asked_in_a_folder_with_modules_of_the_same_names(
    installed: Installed, tmp_path: Path
) -> None:
    (installed.folder / "own.py").write_text(_ASK, "utf-8")
    with serving(installed, tmp_path) as url:
        assert installed.said("python", "own.py", url, PICTURE) == "4\n"
        asked = ("ask", PICTURE, "how many objects are there?", "--url", url)
        assert installed.said("otmv", *asked).startswith("4 ")
        assert installed.said("python", "-m", "otmv_serve", *asked).startswith("4 ")


def test_what_a_benchmark_starts_is_found(installed: Installed) -> None:
    assert '"' in installed.said("python", "-c", _MEASURE, DEMO)


def test_torchrun_starts_it(installed: Installed) -> None:
    pytest.importorskip("torch", reason="pip install otmv-serve[tune]")
    words = ("-m", "torch.distributed.run", "--nproc-per-node", "1", "--no-python")
    assert "Tune" in installed.said("python", *words, "otmv", "tune", "--help")
