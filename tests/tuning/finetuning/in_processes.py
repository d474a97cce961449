"""Run by the test of several processes: gradients of the first step, then a run, written to files.

    torchrun --nproc-per-node N in_processes.py RECIPE OUT FOLDER END

`END`: the step after which the run is killed, -1 for none.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import torch

from tuning.finetuning.loop import FineTuning, Watcher
from tuning.finetuning.processes import joined
from tuning.loop import TuningProgress
from tuning.recipes.sets import SetsFile


class Killed(Exception):
    pass


def main() -> None:
    recipe, out, folder, end = sys.argv[1:]
    torch.set_num_threads(1)
    file = SetsFile.model_validate_json(Path(recipe).read_text())
    seen: list[TuningProgress] = []

    def on_step(progress: TuningProgress) -> None:
        seen.append(progress)
        if progress.step == int(end):
            raise Killed

    with joined("cpu") as processes:
        tuning = FineTuning.of(file, processes)
        with tuning._batches(0) as batches:
            tuning.gradients(0, next(batches))
        found = {n: w.grad for n, w in tuning.model.named_parameters() if w.grad is not None}
        if processes.first:
            torch.save(found, Path(out) / "gradients.pt")
        tuning.optimiser.zero_grad(set_to_none=True)
        with contextlib.suppress(Killed):
            tuning.run(Path(folder), Watcher(on_step))
        if processes.first:
            steps = [
                {"step": each.step, **{task: at.loss for task, at in each.tasks.items()}}
                for each in seen
            ]
            (Path(out) / "steps.json").write_text(json.dumps(steps))


if __name__ == "__main__":
    main()
