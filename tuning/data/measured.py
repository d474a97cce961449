"""Measures this folder for `otmv bench data`, each part in a process of its own.

    python -m tuning.data.measured PART SETTINGS

prints one JSON object. `SETTINGS` is another, with the fields of the part's function.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tuning.data.loading.augment import BEIT3, Augmentation
from tuning.data.loading.loader import BatchLoader, LoadedAs
from tuning.data.loading.order import BatchOrder
from tuning.data.problems import Problems
from tuning.data.sets import DataSet, load, open_folder

Facts = dict[str, float]

_CROPPED = Augmentation(BEIT3.least_area, BEIT3.mirror)
_CHANGES: dict[str, Augmentation | None] = {"none": None, "crop": _CROPPED, "randaugment": BEIT3}
_MB = 10**6


def cpu(folder: str, task: str, split: str, side_px: int, batch: int, batches: int) -> Facts:
    """Return milliseconds of processor time a picture, all processes together, by augmentation."""
    data, found = _load(folder, task, split), {}
    for name, augmentation in _CHANGES.items():
        loader = _loader(data, LoadedAs(side_px, augmentation, 0), batch)
        made = loader.batches(0, batches + 1)
        next(made)  # starts the decoder, which ends with the last batch
        before_s = _cpu_s()
        for _ in range(batches):
            next(made)
        found[name] = 1e3 * (_cpu_s() - before_s) / (batch * batches)
        made.close()
    return found


def rate(
    folder: str,
    task: str,
    split: str,
    side_px: int,
    batch: int,
    steps: int,
    step_s: float,
    workers: int,
) -> Facts:
    """Return the rate of steps that only sleep, as a share of the rate without any data."""
    loaded_as = LoadedAs(side_px, BEIT3, workers)
    made = _loader(_load(folder, task, split), loaded_as, batch).batches(0, steps + 1)
    started_s = time.perf_counter()
    next(made)
    first_s = time.perf_counter()
    for _ in made:
        time.sleep(step_s)
    took_s = time.perf_counter() - first_s
    return {"share": steps * step_s / took_s, "first_batch_s": first_s - started_s}


def memory(
    folder: str, task: str, split: str, side_px: int, batch: int, workers: int, batches: int
) -> Facts:
    """Return what workers and their decoders hold for themselves, in MB: early, late, and the most.

    Early is the epoch's second quarter, late its last. Before that, a worker still gets copies of
    memory pages that it shared with its parent: each is copied once, when it is first written to.
    """
    loader = _loader(_load(folder, task, split), LoadedAs(side_px, BEIT3, workers), batch)
    held = []
    for each in loader.batches(0, batches):
        if each.number % max(1, batches // 50) == 0:
            held.append(sum(map(_own_mb, _descendants())))
    quarter = max(1, len(held) // 4)
    early, late = max(held[quarter : 2 * quarter]), max(held[-quarter:])
    return {"early_mb": early, "late_mb": late, "most_mb": max(held)}


def vqav2(folder: str, task: str, split: str) -> Facts:
    """Return the seconds that reading takes, this process's largest memory, and what was read."""
    started_s = time.perf_counter()
    data = _load(folder, task, split)
    took_s = time.perf_counter() - started_s
    most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
    answers = float(data.examples.answers_given.sum())
    return {"s": took_s, "mb": most_mb, "examples": float(len(data.examples)), "answers": answers}


PARTS: dict[str, Callable[..., Facts]] = {
    "cpu": cpu,
    "rate": rate,
    "memory": memory,
    "vqav2": vqav2,
}


def main() -> None:
    """Measure one part and print what came of it."""
    part, settings = sys.argv[1:]
    print(json.dumps(PARTS[part](**json.loads(settings))))


def _load(folder: str, task: str, split: str) -> DataSet:
    return load(open_folder(folder), task, split, Problems())


def _loader(data: DataSet, loaded_as: LoadedAs, batch: int) -> BatchLoader:
    order = BatchOrder(len(data.examples), batch, seed=0)
    return BatchLoader(data, order, loaded_as, Problems())


def _cpu_s() -> float:
    """Return the processor time of this process and its descendants that run."""
    pids = [os.getpid(), *_descendants()]
    ticks = sum(int(field) for pid in pids for field in _stat(pid)[11:13])
    return ticks / os.sysconf("SC_CLK_TCK")


def _descendants() -> list[int]:
    """Return the processes that this one and its children have started."""
    running = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    parents = {pid: int(stat[1]) for pid in running if (stat := _stat(pid))}
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {os.getpid()})


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, or none of a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _own_mb(pid: int) -> float:
    """Return a process's share of the memory behind no file, in MB.

    Batches on their way lie in files in memory: they come and go.
    """
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) * 1024 / _MB


if __name__ == "__main__":
    main()
