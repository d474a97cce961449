"""A driver written in C that gives chosen answers; no GPU is needed, a compiler is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

DRIVER = """
#include <string.h>
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *v) { *v = VERSION; return 0; }
int cuDeviceGetCount(int *n) { *n = COUNT; return 0; }
int cuDeviceGet(int *d, int i) { *d = i; return 0; }
int cuDeviceGetName(char *name, int size, int d) { strcpy(name, "Imagined GPU"); return NAME; }
int cuDeviceGetAttribute(int *v, int which, int d) { *v = which == 75 ? 9 : 0; return 0; }
"""


def compile_driver(folder: Path, **answers: int) -> Path:
    """Write `libcuda.so.1` into a folder; skips the test where there is no compiler.

    Args:
        folder: where it lies.
        answers: what cuInit and cuDeviceGetName return (`INIT`, `NAME`), the driver's CUDA version
            (`VERSION`) and the number of devices (`COUNT`).
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    known = {"INIT": 0, "VERSION": 13020, "COUNT": 1, "NAME": 0} | answers
    (folder / "driver.c").write_text(DRIVER)
    define = [f"-D{name}={value}" for name, value in known.items()]
    command = [compiler, "-shared", "-fPIC", "-o", "libcuda.so.1", *define, "driver.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "libcuda.so.1"
