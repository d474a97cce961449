"""The parts of `otmv bench data`: each is measured in a process of its own, several times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifact.task import VQA
from loadtests.data.made_up import PICTURES, QUESTIONS, write_vqav2
from loadtests.kit.bars import Bar
from loadtests.kit.processes.child import run_child
from loadtests.kit.quartiles import quartiles

Report = Callable[[str, float], None]

MOST_CPU_MS, MOST_RANDAUGMENT_MS, LEAST_RATE = 6.0, 12.0, 0.95
MOST_GROWTH, MOST_READING_S, MOST_READING_MB = 1.05, 20.0, 2000.0
_MODULE = "tuning.data.measured"
_TRAIN: Mapping[str, Any] = {"task": VQA.name, "split": "train"}
_SIDE_PX, _BATCH, _WORKERS, _STEP_S = 224, 32, 2, 0.3


@dataclass(frozen=True)
class DataBench:
    """How much is measured.

    Attributes:
        folder: for made-up data; emptied by the caller.
        repeats: of each measurement but memory's.
        steps: that only sleep, and batches whose processor time is taken.
        epoch: examples of the epoch that memory is watched over.
        questions, pictures: of the large set.
        seed: of the data.
    """

    folder: Path
    repeats: int = 3
    steps: int = 40
    epoch: int = 16_000
    questions: int = QUESTIONS
    pictures: int = PICTURES
    seed: int = 0


def run(bench: DataBench, report: Report) -> list[Bar]:
    """Make the data, measure every part, and hold it against its bar."""
    report("drawing pictures", 0.0)
    large, small = bench.folder / "large", bench.folder / "small"
    write_vqav2(small, bench.epoch, min(bench.epoch, bench.pictures), bench.seed)
    write_vqav2(large, bench.questions, bench.pictures, bench.seed)
    loading: dict[str, Any] = {**_TRAIN, "side_px": _SIDE_PX, "batch": _BATCH}
    bars = []
    parts = (
        (_cpu_bars, "cpu", {**loading, "batches": bench.steps}, small),
        (
            _rate_bars,
            "rate",
            {**loading, "steps": bench.steps, "step_s": _STEP_S, "workers": _WORKERS},
            small,
        ),
        (_reading_bars, "vqav2", dict(_TRAIN), large),
        (
            _memory_bars,
            "memory",
            {**loading, "workers": _WORKERS, "batches": bench.epoch // _BATCH},
            small,
        ),
    )
    for done, (judge, part, settings, folder) in enumerate(parts):
        repeats = 1 if judge is _memory_bars else bench.repeats
        found = []
        for turn in range(repeats):
            report(f"measuring {part}", (done + turn / repeats) / len(parts))
            words = [part, json.dumps({**settings, "folder": str(folder)})]
            found.append(json.loads(run_child(_MODULE, words, f"measuring {part}")))
        bars += judge(found)
    return bars


_Found = list[dict[str, float]]


def _bar(name: str, values: list[float], limit: float, at_least: bool, about: str) -> Bar:
    low, middle, high = quartiles(values)
    spread = f"{about}; quartiles {low:.3f} to {high:.3f}"
    return Bar(name, middle, limit, at_least, spread, {"values": values})


def _cpu_bars(found: _Found) -> list[Bar]:
    _, exact, _ = quartiles([each["none"] for each in found])
    return [
        _bar(
            "data-cpu-ms",
            [each["crop"] for each in found],
            MOST_CPU_MS,
            False,
            f"640x480 JPEG to {_SIDE_PX} px, cropped; as a server sees it {exact:.2f}",
        ),
        _bar(
            "data-cpu-ms-randaugment",
            [each["randaugment"] for each in found],
            MOST_RANDAUGMENT_MS,
            False,
            "with RandAugment",
        ),
    ]


def _rate_bars(found: _Found) -> list[Bar]:
    about = f"{_WORKERS} workers, batch {_BATCH}, steps that sleep {1e3 * _STEP_S:.0f} ms"
    shares = [each["share"] for each in found]
    return [_bar("data-step-rate", shares, LEAST_RATE, True, about)]


def _memory_bars(found: _Found) -> list[Bar]:
    (one,) = found
    growth = one["late_mb"] / one["early_mb"]
    about = f"workers' own {one['early_mb']:.0f} MB early, {one['late_mb']:.0f} MB at the end"
    return [Bar("data-memory-growth", growth, MOST_GROWTH, False, about, {"values": [one]})]


def _reading_bars(found: _Found) -> list[Bar]:
    about = f"VQA v2's format, {found[0]['examples']:,.0f} questions"
    return [
        _bar("data-vqav2-s", [each["s"] for each in found], MOST_READING_S, False, about),
        _bar("data-vqav2-mb", [each["mb"] for each in found], MOST_READING_MB, False, about),
    ]
