"""Tasks: what a request of each kind brings, runs and gets back, in one object per task."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from artifact.scoring.measures import (
    OBJECTS_NAMED,
    PICTURE_FINDS_TEXT,
    TEXT_FINDS_PICTURE,
    TRUTH_ACCURACY,
    TRUTHS,
    VQA_ACCURACY,
    Measure,
)
from artifact.stage import StageKind, StageName

TaskName = str
"""A task's name in files, requests, metrics and results: a key of `TASKS`."""


@dataclass(frozen=True)
class Pass:
    """One way through the stack: a stem, the executed blocks, and a head if it reads out.

    `whole` is the kind of the stage that holds all of it in one graph (ADR 0021).
    """

    stem: StageName
    blocks: StageKind
    head: StageName | None
    whole: StageKind

    @property
    def sees(self) -> bool:
        """Whether pictures go through it, so that their size decides which stages it runs."""
        return self.blocks not in (StageKind.BLOCK_DECODE, StageKind.BLOCK_LANGUAGE)

    def stem_at(self, image_size: int | None) -> StageName:
        """Return its stem for pictures of that side in pixels; None: the model's own."""
        return self.stem.at(image_size) if self.sees else self.stem

    def block_at(self, key: int, image_size: int | None) -> StageName:
        """Return a key block's stage for pictures of that side; None: the model's own."""
        block = StageName.block(key, self.blocks)
        return block.at(image_size) if self.sees else block


@dataclass(frozen=True)
class Task:
    """Everything about a task that more than one package needs to know.

    Attributes:
        name: its name in files, requests, metrics and results.
        pictures: how many pictures a request brings.
        text: what a request's text is called, None if it brings none.
        rows: rows of a batch that a request takes through stem and blocks.
        passes: the ways through the stack, one after the other. A task that `writes` repeats its
            last pass for every word.
        reads: the tokens whose outputs are the readout of one row, in the head's order.
        labels: what its logits say; None: the artifact's list of answers, or its vocabulary if it
            writes; nothing of a task that `embeds`.
        measure: how its answers are scored.
        about: what it asks, in a few words, as model cards say it.
        part_of: the model's task that it is one side of; None: a task of its own.
        finds: the task whose vectors its own vectors are compared with; None: it answers otherwise.
    """

    name: TaskName
    pictures: int
    text: str | None
    rows: int
    passes: tuple[Pass, ...]
    reads: tuple[str, ...]
    measure: Measure
    about: str
    labels: tuple[str, ...] | None = None
    part_of: TaskName | None = None
    finds: TaskName | None = None

    @property
    def model_task(self) -> TaskName:
        """What a model's config calls it: the name of its head."""
        return self.part_of or self.name

    @property
    def embeds(self) -> bool:
        """Whether its answer is a vector."""
        return self.finds is not None

    @property
    def writes(self) -> bool:
        """Whether its answer is words, one after another."""
        return len(self.passes) > 1

    @property
    def lists_answers(self) -> bool:
        """Whether its logits are over the artifact's list of answers."""
        return self.labels is None and not self.writes and not self.embeds

    @property
    def head(self) -> StageName:
        """The stage that turns its readout into logits.

        Raises:
            ValueError: its last pass has none, so that it can answer nothing.
        """
        head = self.passes[-1].head
        if head is None:
            raise ValueError(f"the last pass of {self.name} has no head")
        return head

    @property
    def flops_parts(self) -> tuple[str, ...]:
        """Names under which manifests record its FLOPs: the repeated pass, then the picture's."""
        return (self.name, f"{self.name}_image") if self.writes else (self.name,)

    def whole_stages(self, variant: str) -> tuple[StageName, ...]:
        """Return the stages that hold a whole variant, one for each pass (ADR 0021)."""
        return tuple(StageName.whole(self.name, variant, each.whole) for each in self.passes)


ONE_PASS_READS = ("image", "text")
"""The readout of a row that goes through the stack once: image token 0 and text token 0."""

_QUESTION_STEM = StageName.stem("vqa")


def one_pass(head: StageName) -> tuple[Pass, ...]:
    """Return the pass of a task that reads pictures with a text, as questions do, once."""
    return (Pass(_QUESTION_STEM, StageKind.BLOCK, head, StageKind.WHOLE),)


VQA = Task(
    name="vqa",
    pictures=1,
    text="question",
    rows=1,
    passes=one_pass(StageName.head("vqa")),
    reads=ONE_PASS_READS,
    measure=VQA_ACCURACY,
    about="questions about attributes, existence, counts and relations",
)

CAPTION = Task(
    name="caption",
    pictures=1,
    text=None,
    rows=1,
    passes=(
        Pass(StageName.stem("caption"), StageKind.BLOCK_IMAGE, None, StageKind.WHOLE_IMAGE),
        Pass(
            StageName.stem("decode"),
            StageKind.BLOCK_DECODE,
            StageName.head("caption"),
            StageKind.WHOLE_DECODE,
        ),
    ),
    reads=("mask",),
    measure=OBJECTS_NAMED,
    about="captions",
)

REASON = Task(
    name="reason",
    pictures=2,
    text="statement",
    rows=2,
    passes=one_pass(StageName.head("reason")),
    reads=ONE_PASS_READS,
    measure=TRUTH_ACCURACY,
    about="statements about two of them that are true or false",
    labels=TRUTHS,
)

EMBED: TaskName = "embed"
"""What a model's config calls vectors of pictures and texts: BEiT-3's retrieval, with two heads."""


def _alone(what: str, blocks: StageKind) -> tuple[Pass, ...]:
    """Return the pass of a picture, or a text, that sees nothing else."""
    return (Pass(StageName.stem(what), blocks, StageName.head(what), StageKind.WHOLE),)


EMBED_IMAGE = Task(
    name="embed_image",
    pictures=1,
    text=None,
    rows=1,
    passes=_alone("vision", StageKind.BLOCK_VISION),
    reads=("image",),
    measure=PICTURE_FINDS_TEXT,
    about="pictures that find their texts",
    part_of=EMBED,
    finds="embed_text",
)

EMBED_TEXT = Task(
    name="embed_text",
    pictures=0,
    text="text",
    rows=1,
    passes=_alone("language", StageKind.BLOCK_LANGUAGE),
    reads=("text",),
    measure=TEXT_FINDS_PICTURE,
    about="texts that find their pictures",
    part_of=EMBED,
    finds="embed_image",
)

TASKS: dict[TaskName, Task] = {
    task.name: task for task in (VQA, CAPTION, REASON, EMBED_IMAGE, EMBED_TEXT)
}
"""Every task, by name. A new one is added here and in the registries CONTRIBUTING lists."""


def model_task(name: TaskName) -> TaskName:
    """Return what a model's config calls a task; a name that is no task's stays."""
    return TASKS[name].model_task if name in TASKS else name


def model_tasks() -> tuple[TaskName, ...]:
    """Return everything a model's config may list: names of heads."""
    return tuple(dict.fromkeys(task.model_task for task in TASKS.values()))


def asked_of(listed: Sequence[TaskName]) -> tuple[TaskName, ...]:
    """Return the tasks that a model can be asked whose config lists these, in that order."""
    return tuple(task.name for each in listed for task in TASKS.values() if task.model_task == each)


def check_tasks(names: Sequence[TaskName], known: Collection[TaskName] | None = None) -> None:
    """Refuse names of tasks that are none, or no name at all.

    Args:
        names: to check.
        known: names of tasks; None: of all tasks.

    Raises:
        ValueError: naming the tasks there are.
    """
    known = TASKS if known is None else known
    if not names or set(names) - set(known):
        raise ValueError(f"tasks must be some of {tuple(known)}, not {tuple(names)}")
