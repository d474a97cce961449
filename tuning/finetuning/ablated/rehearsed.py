"""A few steps of a recipe with random weights and data, for `otmv ablate --dry-run`.

    python -m tuning.finetuning.ablated.rehearsed RECIPE

prints one JSON object. `RECIPE` is JSON: a recipe on data sets that need not be there.
"""

from __future__ import annotations

import json
import sys

import torch

from tuning.finetuning.ablated.steps import step_cpu_s
from tuning.finetuning.rehearsal import stand_in
from tuning.recipes.sets import SetsFile


def main(text: str) -> None:
    """Print the processor seconds of a step on one core."""
    torch.set_num_threads(1)
    file = SetsFile.model_validate_json(text)
    data = {task: stand_in(file, task) for task in file.tasks}
    print(json.dumps({"step_cpu_s": step_cpu_s(file, data)}))


if __name__ == "__main__":
    main(sys.argv[1])
