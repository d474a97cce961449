"""Recipes that tune on data sets, public or your own."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from artifact.adapters.record import name_problem
from artifact.task import EMBED, TASKS
from tuning.recipes.parts import Adapt, Das, Full, Otmv, Part, Shape


class StartModel(Part):
    """What tuning starts from: exactly one of `checkpoint`, `release` and `shape`.

    Attributes:
        checkpoint: folder that `otmv import` or `otmv tune` wrote.
        release: a released BEiT-3 file, pretrained or fine-tuned; heads it lacks begin at random.
        size: of that file's model.
        tokenizer: `beit3.spm` or `tokenizer.json`; None: the checkpoint's, or that beside the
            released file, or, with a shape, one id for each word of the data.
        shape: a model of our own shape, from random weights.
        new_words: words of the data that the checkpoint's tokenizer lacks get ids and random rows.
    """

    checkpoint: str | None = None
    release: str | None = None
    size: Literal["base", "large"] | None = None
    tokenizer: str | None = None
    shape: Shape | None = None
    new_words: bool = False

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        starts = ("checkpoint", "release", "shape")
        given = [name for name in starts if getattr(self, name) is not None]
        if len(given) != 1:
            said = " and ".join(given) or "none of them"
            raise ValueError(f"name one of {', '.join(starts)}, not {said}")
        if (self.size is None) != (self.release is None):
            raise ValueError("size (base or large) goes with release")
        if self.tokenizer is not None and self.checkpoint is not None:
            raise ValueError("tokenizer contradicts checkpoint, which has its own: take one out")
        if self.new_words and self.checkpoint is None:
            raise ValueError("new_words is for a checkpoint: take it out")
        return self


class TunedOn(Part):
    """A task of the model, and its data.

    Attributes:
        data: folder, or the name of a format whose Python package is installed.
        format: of the data; None: found out.
        pictures: folder of its pictures, if not in `data`.
        split: tuned on; one, or a list.
        repeats: how often examples of a kind are drawn where others are drawn once, such as
            {"yes/no": 2} for a type of VQA's answers.
        chooses: split looked at while tuning, and while choosing variants.
        hold_out: in place of `chooses`: how many pictures of `split` are kept out of tuning for it.
        data_share: share of the pictures of `split` that are tuned on, always the same ones.
        reports: split that quality will be reported on: named in the checkpoint, never read here.
        batch: requests a step, of all processes and accumulated parts together.
        weight: of its loss beside those of other tasks.
        image_size: side of its pictures in pixels; None: the model's.
        text_tokens: longer texts are cut.
        labels: list of answers; "data": those given in `split`; None: the checkpoint's if it has
            any, else "data".
        least_answers: with "data", answers given less often are left out.
        label_smoothing: share of a target that is spread over all words or labels.
        least_area: smallest part of a picture's area that is shown; 1: all of it, always.
        mirror: half of the pictures are mirrored: wrong where texts say left and right.
        randaugment: RandAugment.
    """

    data: str
    format: str | None = None
    pictures: str | None = None
    split: str | tuple[str, ...] = "train"
    repeats: dict[str, Annotated[int, Field(ge=1, le=100)]] = Field(default_factory=dict)
    chooses: str | None = None
    hold_out: int | None = Field(default=None, ge=1)
    data_share: float = Field(default=1.0, gt=0.0, le=1.0)
    reports: str | None = None
    batch: int = Field(ge=1)
    weight: float = Field(default=1.0, gt=0.0)
    image_size: int | None = Field(default=None, ge=1)
    text_tokens: int = Field(default=64, ge=4)
    labels: str | None = None
    least_answers: int = Field(default=1, ge=1)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    least_area: float = Field(default=1.0, gt=0.0, le=1.0)
    mirror: bool = False
    randaugment: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.chooses is not None and self.hold_out is not None:
            raise ValueError("hold_out contradicts chooses: take one out")
        if self.chooses in self.splits:
            raise ValueError(f"chooses is {self.chooses}, which is tuned on: use hold_out")
        if self.reports is not None and self.reports in (*self.splits, self.chooses):
            raise ValueError(
                f"reports is {self.reports}, which tunes or chooses: name another split"
            )
        return self

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that are tuned on."""
        return (self.split,) if isinstance(self.split, str) else self.split


class Optimiser(Part):
    """AdamW; decay on matrices only, never on norms, biases or coefficients.

    Attributes:
        learning_rate: peak.
        weight_decay, betas, epsilon: AdamW's.
        layer_decay: each block learns this much slower than the one above it.
        head_rate, patch_rate: shares of the learning rate for heads and for the patch projection.
        warmup_steps, warmup_epochs: linear warm-up, by one of the two.
        schedule: what follows.
        floor: the schedule ends there.
        clip_norm: gradients are clipped to it; 0: never.
    """

    learning_rate: float = Field(gt=0.0)
    weight_decay: float = Field(default=0.05, ge=0.0)
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (
        0.9,
        0.999,
    )
    epsilon: float = Field(default=1e-8, gt=0.0)
    layer_decay: float = Field(default=1.0, gt=0.0, le=1.0)
    head_rate: float = Field(default=1.0, gt=0.0)
    patch_rate: float = Field(default=1.0, gt=0.0)
    warmup_steps: int | None = Field(default=None, ge=0)
    warmup_epochs: float | None = Field(default=None, ge=0.0)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    floor: float = Field(default=0.0, ge=0.0)
    clip_norm: float = Field(default=0.0, ge=0.0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.warmup_steps is not None and self.warmup_epochs is not None:
            raise ValueError("warmup_steps contradicts warmup_epochs: take one out")
        if self.floor > self.learning_rate:
            raise ValueError(f"floor is above learning_rate, {self.learning_rate}: lower it")
        return self


class SetsRun(Part):
    """What else fixes a run, and what it costs.

    Attributes:
        steps, epochs: how long, by one of the two; epochs only with one task.
        seed: of new weights, batches, gates and changes of pictures.
        precision: of the computation; weights and their sums are float32.
        accumulation: parts that a step's batch is computed in, one after the other.
        activation_checkpointing: compute blocks twice in place of keeping their insides.
        drop_path: chance that a branch of the last block is left out for an example while tuning;
            it rises evenly over the blocks, from 0.
        workers: processes that load each task's data.
        checkpoint_every: steps between checkpoints.
        evaluate_every: steps between looks at the choosing data; None: at every checkpoint.
        evaluate_examples: examples of it that are looked at.
    """

    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0.0)
    seed: int = Field(default=0, ge=0)
    precision: Literal["bf16", "fp32"] = "bf16"
    accumulation: int = Field(default=1, ge=1)
    activation_checkpointing: bool = False
    drop_path: float = Field(default=0.0, ge=0.0, lt=1.0)
    workers: int = Field(default=2, ge=0)
    checkpoint_every: int = Field(default=250, ge=1)
    evaluate_every: int | None = Field(default=None, ge=1)
    evaluate_examples: int = Field(default=1000, ge=1)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("say how long by one of steps and epochs")
        return self


class SetsFile(Part):
    """A recipe on data sets."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    about: str
    model: StartModel
    method: Annotated[Full | Otmv | Adapt | Das, Field(discriminator="kind")]
    tasks: dict[str, TunedOn] = Field(min_length=1)
    optimiser: Optimiser
    run: SetsRun

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: dict[str, TunedOn]) -> dict[str, TunedOn]:
        for name, task in tasks.items():
            if name not in (*TASKS, EMBED):
                raise ValueError(f"no task {name!r}: there are {', '.join((*TASKS, EMBED))}")
            if task.labels is not None and not (name in TASKS and TASKS[name].lists_answers):
                raise ValueError(f"{name} has no list of answers: take labels out")
        return tasks

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.tasks) > 1:
            if self.run.epochs is not None:
                raise ValueError("run.epochs is of one task, and there are several: give run.steps")
            if self.optimiser.warmup_epochs is not None:
                raise ValueError("optimiser.warmup_epochs is of one task: give warmup_steps")
        if self.model.shape is not None and isinstance(self.method, Otmv) and not self.method.keys:
            raise ValueError("method.keys is missing: a shape has as many key blocks as you say")
        if isinstance(self.method, Adapt):
            self._check_adapted()
        if isinstance(self.method, Das):
            self._check_das(self.method)
        for name, task in self.tasks.items():
            if task.batch % self.run.accumulation:
                raise ValueError(
                    f"tasks.{name}.batch, {task.batch}, is no multiple of run.accumulation, "
                    f"{self.run.accumulation}: choose one"
                )
        return self

    def _check_das(self, said: Das) -> None:
        """Refuse what DAS cannot tune."""
        if self.model.checkpoint is None or self.model.new_words:
            raise ValueError("das adapts a checkpoint as it is: name model.checkpoint")
        (name, task), *others = self.tasks.items()
        if others or name not in TASKS or TASKS[name].writes:
            able = " or ".join(each for each, of in TASKS.items() if not of.writes)
            raise ValueError(f"das chooses orders for one task, {able}: name one of them")
        if said.searches and task.chooses is None and task.hold_out is None:
            raise ValueError(f"the search tries sets on choosing data: give tasks.{name}.chooses")

    def _check_adapted(self) -> None:
        """Refuse what an adapter cannot change: it leaves its base as it is."""
        if self.model.checkpoint is None or self.model.new_words:
            raise ValueError("an adapter is tuned on a checkpoint as it is: name model.checkpoint")
        if strange := [name for name, task in self.tasks.items() if task.image_size is not None]:
            raise ValueError(f"tasks.{strange[0]}.image_size is the checkpoint's: take it out")
        if problem := name_problem(self.name):
            raise ValueError(problem)
