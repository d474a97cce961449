"""`make fuzz`: every target under atheris, one after the other; `SECONDS=` for each, `TARGETS=`.

What one run found is kept in runs/fuzz/<target>/corpus, and the next run begins with it. A crash,
or an input that takes longer than a second, is kept beside it and fails the run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path("runs/fuzz")
HANG_S = 1
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
    given = words.parse_args()
    if given.child:
        _fuzz(given.targets[0], given.seconds)
        return 0
    return sum(_run(name, given.seconds) for name in given.targets or _NAMES)


def _run(name: str, seconds: int) -> bool:
    """Run one target in a process of its own, print its numbers, return whether it failed."""
    words = [sys.executable, "-m", "tests.server.fuzz", "--child", f"--seconds={seconds}", name]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stdout))
    failed = done.returncode != 0 or "number_of_executed_units" not in said
    print(
        f"{name:10} {said.get('number_of_executed_units', '?'):>10} runs, slowest "
        f"{said.get('slowest_unit_time_sec', '?')} s, peak {said.get('peak_rss_mb', '?')} MB: "
        f"{'FAILED' if failed else 'ok'}",
        flush=True,
    )
    if failed:
        print(done.stdout[-4000:], flush=True)
    return failed


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
