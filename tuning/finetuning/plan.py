"""What follows from a recipe and its data before a run begins."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from artifact.manifest import DomainRecord
from artifact.task import TASKS, TaskName
from models.checkpoint import Checkpoint
from tuning.data.loading.augment import Augmentation
from tuning.data.loading.loader import DataBatch
from tuning.finetuning.losses import on_sets
from tuning.finetuning.optimiser import Schedule
from tuning.finetuning.task_data import TaskData
from tuning.methods.contract import Search
from tuning.recipes.errors import RecipeError
from tuning.recipes.sets import SetsFile, TunedOn
from tuning.tasks.on_sets import Asking, SetBatch, Words
from tuning.tokens import words_of

_MOST_ABOUT = 200


def schedule_of(
    file: SetsFile, examples: Mapping[TaskName, int], search: Search | None = None
) -> Schedule:
    """Return how long a run is, and its learning rate.

    Args:
        file: the recipe.
        examples: how many each task has to tune on.
        search: what goes before, if anything.
    """
    task, said = next(iter(file.tasks.items()))
    per_epoch = examples[task] // said.batch
    steps = file.run.steps or max(1, round((file.run.epochs or 0.0) * per_epoch))
    warmup = file.optimiser.warmup_steps
    if warmup is None:
        warmup = round((file.optimiser.warmup_epochs or 0.0) * per_epoch)
    return Schedule(file.optimiser, steps, warmup, search.steps if search else 0)


def fingerprint_of(
    file: SetsFile, data: Mapping[TaskName, TaskData], checkpoint: Checkpoint
) -> str:
    """Return text that two runs share only if they are the same, on any machine.

    Args:
        file: the recipe.
        data: of each task.
        checkpoint: what the run begins with.
    """
    facts = file.model_dump(mode="json", exclude={"about": True, "model": True})
    for name in ("workers", "checkpoint_every", "evaluate_every", "evaluate_examples"):
        del facts["run"][name]
    for each in facts["tasks"].values():
        for name in ("data", "pictures", "labels", "reports"):
            del each[name]
        for name, none in {"data_share": 1, "repeats": {}}.items():
            if each[name] == none:  # runs that began before there were these fields go on
                del each[name]
    said = {
        "recipe": facts,
        "model": checkpoint.model.config.to_fields(),
        "examples": {task: len(each.tuned.examples) for task, each in data.items()},
        "answers": checkpoint.labels,
    }
    return json.dumps(said, sort_keys=True)


def check_tasks(file: SetsFile, processes: int) -> None:
    """Refuse tasks that are not tuned on data sets, and batches that cannot be divided.

    Raises:
        RecipeError: naming the field.
    """
    for task, said in file.tasks.items():
        on_sets(task)
        if said.batch % (processes * file.run.accumulation):
            parts = f"{processes} processes and run.accumulation {file.run.accumulation}"
            raise RecipeError(
                f"tasks.{task}.batch, {said.batch}, cannot be divided among {parts}",
                "choose a multiple",
            )


def augmentation_of(said: TunedOn) -> Augmentation | None:
    """Return how a task's pictures are changed; None: not at all."""
    if said.least_area == 1 and not said.mirror and not said.randaugment:
        return None
    return Augmentation(said.least_area, said.mirror, said.randaugment)


def note_of(
    file: SetsFile, data: Mapping[TaskName, TaskData], done: int, steps: int
) -> dict[str, str | int | float]:
    """Return what a checkpoint says of how it was made."""
    note: dict[str, str | int | float] = {
        "recipe": file.name,
        "method": file.method.kind,
        "step": done,
        "steps": steps,
        "learning_rate": file.optimiser.learning_rate,
        "weight_decay": file.optimiser.weight_decay,
        "seed": file.run.seed,
    }
    for task, each in data.items():
        note[f"{task}_batch"] = each.said.batch
        note[f"{task} tuned on"] = each.tuned.name
        note[f"{task} chosen on"] = each.chooses.name if each.chooses else "nothing"
        note[f"{task} reported on"] = each.said.reports or "not named"
    return note


def domain_of(data: Mapping[TaskName, TaskData], tokenizer: Tokenizer) -> DomainRecord:
    """Return what a model knows that was tuned on that data: its words, if each has an id."""
    about = "; ".join(dict.fromkeys(each.tuned.name for each in data.values()))
    words: list[str] = []
    if isinstance(tokenizer.model, WordLevel):
        texts = (text for each in data.values() for text in each.texts)
        words = [word for word in words_of(texts) if word[0].isalnum()]
    return DomainRecord(about=about[:_MOST_ABOUT], words=tuple(words))


def asking_of(task: TaskName, data: TaskData, checkpoint: Checkpoint) -> Asking:
    """Return what turns a task's examples into tensors."""
    longest = min(data.said.text_tokens, checkpoint.model.config.max_text_positions)
    labels = checkpoint.labels if TASKS[task].lists_answers else TASKS[task].labels or ()
    words = Words(checkpoint.tokenizer, longest)
    return Asking(task, words, labels, data.several_people, data.said.label_smoothing)


def labelled(asking: Asking, batch: DataBatch) -> SetBatch:
    """Return a loaded batch with tokens and targets."""
    return SetBatch(batch.pixels, *on_sets(asking.task).labelled(asking, batch.examples))


def seed_of(*parts: int) -> int:
    """Return a seed that follows from numbers, and is another for other numbers."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:6], "big")
