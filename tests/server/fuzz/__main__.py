"""`make fuzz`: every target under atheris, one after the other; `SECONDS=` for each, `TARGETS=`.

What one run found is kept in runs/fuzz/<target>/corpus, and the next run begins with it. A crash,
or an input that takes longer than a second, is kept beside it and fails the run. libFuzzer counts
by the clock; an input that is late on a busy machine is tried again, and its processor time counts.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

FOLDER = Path("runs/fuzz")
HANG_S = 1
MOST_AGAIN_S = 10
"""Processor time of an input that is tried again."""
MOST_MEMORY_MB = 2048
_NAMES = (
    "jpeg", "png", "gif", "webp", "bmp", "tiff", "json", "form", "multipart", "pieces",
    "connection", "budget", "hosts", "trace",
)  # fmt: skip


def main() -> int:
    """Run the targets that are named; return how many failed."""
    words = argparse.ArgumentParser(prog="make fuzz")
    words.add_argument("targets", nargs="*", metavar="target")
    words.add_argument("--seconds", type=int, default=600)
    words.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    words.add_argument("--unit", type=Path, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.child and given.unit is not None:
        print(_processor_s(given.targets[0], given.unit))
        return 0
    if given.child:
        _fuzz(given.targets[0], given.seconds)
        return 0
    return sum(_run(name, given.seconds) for name in given.targets or _NAMES)


def _run(name: str, seconds: int) -> bool:
    """Run one target in a process of its own, print its numbers, return whether it failed."""
    begun_s, runs, code, text = time.monotonic(), 0, 0, ""
    said: dict[str, str] = {}
    while (left_s := seconds - int(time.monotonic() - begun_s)) > 0:
        code, text = _child(name, f"--seconds={left_s}")
        said = dict(re.findall(r"stat::(\w+):\s+(\d+)", text))
        runs += int(said.get("number_of_executed_units", 0))
        unit = re.search(r"Test unit written to (\S+/timeout-\S+)", text)
        if unit is None or hangs(name, Path(unit[1])):
            break
        Path(unit[1]).unlink()
        code = 0
    failed = code != 0 or not runs
    print(
        f"{name:10} {runs:>10} runs, slowest "
        f"{said.get('slowest_unit_time_sec', '?')} s, peak {said.get('peak_rss_mb', '?')} MB: "
        f"{'FAILED' if failed else 'ok'}",
        flush=True,
    )
    if failed:
        print(text[-4000:], flush=True)
    return failed


def _child(name: str, *words: str) -> tuple[int, str]:
    """Return the exit code of a process of this program and what it said."""
    command = [sys.executable, "-m", "tests.server.fuzz", "--child", *words, name]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def hangs(name: str, unit: Path) -> bool:
    """Return whether a target takes too much processor time for an input, or does not return."""
    code, text = _child(name, f"--unit={unit}")
    return code != 0 or float(text.split()[-1]) > HANG_S


def _processor_s(name: str, unit: Path) -> float:
    """Call a target once; the process is killed if it takes far too long."""
    from tests.server.fuzz.targets import TARGETS

    begun_s = time.process_time()
    most_s = int(begun_s) + 1 + MOST_AGAIN_S
    resource.setrlimit(resource.RLIMIT_CPU, (most_s, most_s))
    TARGETS[name].call(unit.read_bytes())
    return time.process_time() - begun_s


def _fuzz(name: str, seconds: int) -> None:
    """Fuzz one target until its time is over; ends the process."""
    import atheris  # only here: the targets are tested without it

    with atheris.instrument_imports(include=["pictures", "server", "python_multipart"]):
        from tests.server.fuzz.targets import TARGETS
    target = TARGETS[name]
    corpus = FOLDER / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for index, seed in enumerate(target.seeds):
        (corpus / f"seed-{index}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-max_len={target.longest}"]
    options += [f"-rss_limit_mb={MOST_MEMORY_MB}", f"-artifact_prefix={FOLDER / name}/"]
    atheris.Setup([sys.argv[0], *options, "-print_final_stats=1", str(corpus)], target.call)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
