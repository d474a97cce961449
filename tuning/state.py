"""Save and resume: a checkpoint, and beside it what only a resumed run needs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tuning.recipe import Recipe
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS, DOMAIN

STATE = "resume.pt"


class ResumeError(Exception):
    """The folder holds a run of another recipe."""


def save_state(
    out: Path, recipe: Recipe, model: OtmvModel, optim: torch.optim.Optimizer, step: int
) -> None:
    """Write the checkpoint, and one file that holds all that a resumed run needs."""
    note: dict[str, str | int | float] = {
        "recipe": recipe.config.name,
        "step": step,
        "steps": recipe.steps,
        "pictures": recipe.pictures,
        **_named_batch_sizes(recipe),
        "learning_rate": recipe.learning_rate,
        "weight_decay": recipe.weight_decay,
        "prefix_share": recipe.prefix_share,
        "seed": recipe.seed,
    }
    labels = ANSWERS if recipe.config.num_answers else ()
    checkpoint = Checkpoint(model, world_tokenizer(), labels, None, note, DOMAIN)
    write_resumable(out, model, checkpoint, _fingerprint(recipe), optim, step)


def load_state(out: Path, recipe: Recipe, model: OtmvModel, optim: torch.optim.Optimizer) -> int:
    """Resume from `out` if it holds a run of this recipe; see `read_resumable`."""
    return read_resumable(out, _fingerprint(recipe), model, optim)


def write_resumable(
    out: Path,
    model: OtmvModel,
    checkpoint: Checkpoint | None,
    fingerprint: str,
    optim: torch.optim.Optimizer,
    step: int,
    learnt: Sequence[float] = (),
) -> None:
    """Write a checkpoint, and beside it one file that holds all that a resumed run needs.

    Args:
        out: folder.
        model: what is tuned.
        checkpoint: it, with words and answers; None: none is left, as of an adapter.
        fingerprint: of the run.
        optim: its optimiser.
        step: the next one.
        learnt: what a search before the tuning knows.

    Raises:
        OSError: something cannot be written; what was there before is still there.
    """
    out.mkdir(parents=True, exist_ok=True)
    if checkpoint is not None:
        save(out, checkpoint)
    state = {
        "step": step,
        "recipe": fingerprint,
        "model": model.state_dict(),
        "optimiser": optim.state_dict(),
        "learnt": list(learnt),
    }
    _write(out, state)


def _write(out: Path, state: dict[str, object]) -> None:
    """Write what a resumed run needs, whole or not at all."""
    temporary = out / f"{STATE}.tmp-save"
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
        temporary.replace(out / STATE)
    except RuntimeError as error:  # what torch makes of a full disk
        raise OSError(f"cannot write {out / STATE}: {str(error).splitlines()[0]}") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_resumable(
    out: Path,
    fingerprint: str,
    model: OtmvModel,
    optim: torch.optim.Optimizer,
    restore: Callable[[Sequence[float]], None] | None = None,
) -> int:
    """Resume from `out` if it holds a run with that fingerprint.

    Args:
        out: folder.
        fingerprint: of the run.
        model: takes the weights.
        optim: takes its state.
        restore: takes what a search knows, if there is one.

    Returns:
        The step to run next; 0 for an empty folder.

    Raises:
        ResumeError: the folder holds another recipe's run.
    """
    if not (out / STATE).is_file():
        return 0
    stored = torch.load(out / STATE, weights_only=True, map_location="cpu")
    if stored["recipe"] != fingerprint:
        raise ResumeError(f"{out} holds a run of another recipe; name another folder with --out")
    model.load_state_dict(stored["model"])
    optim.load_state_dict(stored["optimiser"])
    if restore is not None:
        restore(stored["learnt"])
    return int(stored["step"])


def _fingerprint(recipe: Recipe) -> str:
    """Return text that two recipes share only if they are the same."""
    facts = dataclasses.asdict(recipe) | {"config": recipe.config.to_fields()}
    del facts["batch_sizes"]
    return json.dumps(facts | _named_batch_sizes(recipe), sort_keys=True)


def _named_batch_sizes(recipe: Recipe) -> dict[str, int]:
    """Return the batch sizes under the names that checkpoints hold."""
    return {f"{task}_batch": size for task, size in recipe.batch_sizes.items()}
