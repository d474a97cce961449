"""DAS beside random subnetworks and plain bypasses, each tuned as many steps (`otmv bench das`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from artifact.pattern import SkipPattern
from artifact.task import VQA, TaskName
from models.checkpoint import Checkpoint, load
from models.series import OtmvModel
from tuning.data.sets import open_folder
from tuning.device import choose_device
from tuning.finetuning.choosing import quality_of
from tuning.finetuning.loop import FineTuning, Watcher
from tuning.finetuning.plan import asking_of
from tuning.finetuning.processes import Processes
from tuning.finetuning.task_data import TaskData, read_task_data
from tuning.recipes.sets import SetsFile, TunedOn

Report = Callable[[str, float], None]

DAS, RANDOM, BYPASS, BYPASS_OF_DAS = "das", "random", "bypass", "bypass_of_das"
"""What is compared: orders found and replaced; drawn and replaced; left out, as named; left out,
as DAS found them."""


@dataclass(frozen=True)
class DasComparison:
    """What is tuned, and on what.

    Attributes:
        checkpoint: folder of the base.
        tunes: data that is tuned on; some of its pictures are held out, for the search.
        reports: other data, on which all are measured.
        task: one.
        skipped: orders that each leaves out or replaces.
        bypass: orders of the plain bypass; None: the last ones.
        subnetworks: random ones for each seed.
        seeds: of a comparison each.
        steps: of each tuning.
        search_steps, warmup_steps: of DAS, before them.
        batch, learning_rate: of each step.
        beside, replacing: inner widths of adapters.
        hold_out: pictures of `tunes` that the search looks at.
        examples: of `reports` at most.
        device: where to compute.
        split, reports_split: of the two; None: the only one there is, else `train` and `test`.
    """

    checkpoint: str
    tunes: str
    reports: str
    skipped: int
    task: TaskName = VQA.name
    bypass: tuple[int, ...] | None = None
    subnetworks: int = 5
    seeds: tuple[int, ...] = (0,)
    steps: int = 600
    search_steps: int = 300
    warmup_steps: int = 100
    batch: int = 64
    learning_rate: float = 1e-3
    beside: int = 24
    replacing: int = 48
    hold_out: int = 200
    examples: int = 1000
    device: str = "cpu"
    split: str | None = None
    reports_split: str | None = None


@dataclass(frozen=True)
class DasOutcome:
    """What one side came to.

    Attributes:
        name: what it is, as tables show it.
        seed: of its tuning; one of `subnetworks` has a seed of its own.
        group: seed of the comparison that it belongs to.
        skipped: orders that it leaves out or replaces.
        quality: on the reporting data, 0 to 1.
        tuned_parameters: numbers that were tuned and are used.
        seconds: of its run; of a run that was there already, of the rest of it.
    """

    name: str
    seed: int
    group: int
    skipped: tuple[int, ...]
    quality: float
    tuned_parameters: int
    seconds: float


def compare(
    said: DasComparison, out: Path, report: Report
) -> tuple[list[DasOutcome], dict[str, Any]]:
    """Tune and measure all sides; a run that is in `out` already goes on where it stopped.

    Returns:
        What each came to, and what the base reaches without tuning: at full depth, and with the
        plain bypass.

    Raises:
        RecipeError: what is asked for contradicts itself or the checkpoint.
        DataError: the data cannot be read, or is too small.
        ArtifactError: the checkpoint cannot be read.
    """
    base = load(Path(said.checkpoint))
    orders = base.model.config.orders
    bypass = said.bypass or tuple(range(orders - said.skipped, orders))
    reported = _reported(said)
    found: list[DasOutcome] = []
    whole = len(said.seeds) * (3 + said.subnetworks)
    for group in said.seeds:
        for name, seed, method in _sides(said, group, bypass, found):
            done = len(found)
            found.append(
                _outcome(
                    said, (name, seed, group), method, reported, out, _part(report, done, whole)
                )
            )
    report("measuring the base", 1.0)
    full = SkipPattern.full(orders)
    kept = SkipPattern(tuple(k for k in range(orders) if k not in bypass), orders)
    asking = asking_of(said.task, reported, base)
    qualities = quality_of(base.model, asking, reported, said.examples, [full, kept])
    return found, {"full": qualities[0], "bypass": qualities[1], "bypass_orders": list(bypass)}


def record(said: DasComparison, found: list[DasOutcome], base: dict[str, Any]) -> dict[str, Any]:
    """Return what a results file holds."""
    return {"settings": asdict(said), "runs": [asdict(each) for each in found], "untuned": base}


def _sides(
    said: DasComparison, group: int, bypass: tuple[int, ...], found: list[DasOutcome]
) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Yield each side of one comparison: its name, its seed, and what its method says."""
    searched = {"search_steps": said.search_steps, "warmup_steps": said.warmup_steps}
    yield DAS, group, searched
    left_out = {"replacing": 0}
    yield BYPASS, group, {"orders": bypass, **left_out}
    yield BYPASS_OF_DAS, group, {"orders": found[-2].skipped, **left_out}
    for number in range(said.subnetworks):
        yield RANDOM, group * said.subnetworks + number, {"choose": "random"}


def _outcome(
    said: DasComparison,
    named: tuple[str, int, int],
    method: dict[str, Any],
    reported: TaskData,
    out: Path,
    report: Report,
) -> DasOutcome:
    name, seed, group = named
    file = _recipe(said, seed, method)
    tuning = FineTuning.of(file, Processes(choose_device(said.device)))
    begun_s, steps = time.monotonic(), tuning.steps
    told = Watcher(lambda at: report(f"{name}, seed {seed}", (at.step + 1) / steps))
    left = tuning.run(out / f"{name}-{group}-{seed}", told)
    seconds = time.monotonic() - begun_s
    return DasOutcome(
        name,
        seed,
        group,
        _skipped(left),
        _quality(said, left, reported),
        _tuned_parameters(left.model, _skipped(left)),
        round(seconds, 1),
    )


def _tuned_parameters(model: OtmvModel, skipped: tuple[int, ...]) -> int:
    """Count what was tuned and is used: heads, adapters beside kept orders and in skipped ones."""
    counted = sum(weight.numel() for weight in model.heads.parameters())
    for order in range(model.config.orders):
        key, _ = model.key_of(order)
        kept = order not in skipped
        used = (key.attention_beside, key.ffn_beside) if kept else (model.patches,)
        counted += sum(each.parameters_per_order for each in used if each is not None)
    return counted


def _skipped(checkpoint: Checkpoint) -> tuple[int, ...]:
    skipping = checkpoint.model.config.skipping
    assert skipping is not None, "its method has shaped it"
    return skipping.variants[0]


def _quality(said: DasComparison, checkpoint: Checkpoint, reported: TaskData) -> float:
    config = checkpoint.model.config
    assert config.skipping is not None, "its method has shaped it"
    asking = asking_of(said.task, reported, checkpoint)
    patterns = config.skipping.patterns(config.orders)
    (found,) = quality_of(checkpoint.model, asking, reported, said.examples, patterns)
    return found


def _recipe(said: DasComparison, seed: int, method: dict[str, Any]) -> SetsFile:
    widths = {"beside": said.beside, "replacing": said.replacing}
    split = said.split or _split(said.tunes, said.task, "train")
    own = {"data": said.tunes, "split": split, "batch": said.batch, "hold_out": said.hold_out}
    return SetsFile.model_validate(
        {
            "name": "das",
            "about": "one side of otmv bench das",
            "model": {"checkpoint": said.checkpoint},
            "method": {"kind": "das", "skipped": said.skipped, **widths, **method},
            "tasks": {said.task: own},
            "optimiser": {"learning_rate": said.learning_rate, "warmup_steps": said.steps // 10},
            "run": {
                "steps": said.steps,
                "seed": seed,
                "workers": 0,
                "evaluate_every": said.steps + said.search_steps,
                "evaluate_examples": 1,
            },
        }
    )


def _reported(said: DasComparison) -> TaskData:
    split = said.reports_split or _split(said.reports, said.task, "test")
    read = read_task_data(said.task, TunedOn(data=said.reports, split=split, batch=1))
    return TaskData(read.said, read.tuned, read.tuned, read.problems)


def _split(data: str, task: TaskName, usual: str) -> str:
    """Return the only split that a folder has for a task, else the usual one."""
    there = {part.split for part in open_folder(data).parts if part.task == task}
    return there.pop() if len(there) == 1 else usual


def _part(report: Report, done: int, whole: int) -> Report:
    return lambda what, share: report(what, (done + share) / whole)
