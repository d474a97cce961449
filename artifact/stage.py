"""Names of stages: read once, asked for their parts ever after (docs/architecture.md)."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Literal, Self

Phase = Literal["stem", "blocks", "head"]
"""The part of an answer's time that a stage's calls count for."""

PHASES: tuple[Phase, ...] = ("stem", "blocks", "head")


class StageKind(StrEnum):
    """What a stage is, the first word of its name."""

    STEM = "stem"
    BLOCK = "block"
    BLOCK_IMAGE = "block_image"
    BLOCK_DECODE = "block_decode"
    PATCH = "patch"
    BLOCK_VISION = "block_vision"
    BLOCK_LANGUAGE = "block_language"
    HEAD = "head"
    WHOLE = "whole"
    WHOLE_IMAGE = "whole_image"
    WHOLE_DECODE = "whole_decode"


_RIDING = frozenset((StageKind.BLOCK, StageKind.BLOCK_VISION, StageKind.BLOCK_LANGUAGE))
_BLOCKS = _RIDING | {StageKind.BLOCK_IMAGE, StageKind.BLOCK_DECODE}
_WHOLES = frozenset((StageKind.WHOLE, StageKind.WHOLE_IMAGE, StageKind.WHOLE_DECODE))
_PHASES: dict[StageKind, Phase] = {StageKind.STEM: "stem", StageKind.HEAD: "head"}
_FORM = re.compile(r"(?P<kind>[a-z_]+)\[(?P<first>[^\[\]:]+)(?::(?P<second>[^\[\]:]+))?\]")


class StageName(str):
    """A stage's name, such as `stem[vqa]`, `block[0]` or `whole[vqa:d3]`, with its parts.

    A stem, block or patch for pictures of another side than the model's own names the side in
    pixels: `block[0:224]` (ADR 0028).

    It is the text that manifests hold, so it finds what is filed under that text.

    Attributes:
        kind: what the stage is.
        key: of a block, its key block; else None.
        task: of a head or a whole variant, the task's name; of a stem, what it begins.
        variant: of a whole variant, the variant's id.
        image_size: of a stem, block or patch, the side of its pictures if it is not the model's.

    Raises:
        ValueError: the text names no stage.
    """

    __slots__ = ("image_size", "key", "kind", "task", "variant")

    kind: StageKind
    key: int | None
    task: str | None
    variant: str | None
    image_size: int | None

    def __new__(cls, name: str) -> Self:
        """Read a name."""
        made = super().__new__(cls, name)
        form = _FORM.fullmatch(name)
        if form is None or form["kind"] not in list(StageKind):
            raise ValueError(f"{name!r} names no stage")
        made.kind = StageKind(form["kind"])
        block, whole = made.kind in _BLOCKS, made.kind in _WHOLES
        second = form["second"]
        sized = block or made.kind in (StageKind.STEM, StageKind.PATCH)
        right = second is not None if whole else second is None or (sized and second.isdecimal())
        if not right or (block and not form["first"].isdecimal()):
            raise ValueError(f"{name!r} names no stage")
        made.key = int(form["first"]) if block else None
        made.task = None if block or made.kind == StageKind.PATCH else form["first"]
        made.variant = second if whole else None
        made.image_size = None if whole or second is None else int(second)
        return made

    @classmethod
    def stem(cls, begins: str) -> Self:
        """Return the name of the stem that begins a pass."""
        return cls(f"{StageKind.STEM}[{begins}]")

    @classmethod
    def block(cls, key: int, kind: StageKind = StageKind.BLOCK) -> Self:
        """Return the name of a key block's stage.

        Raises:
            ValueError: `kind` is none of the kinds of blocks.
        """
        if kind not in _BLOCKS:
            raise ValueError(f"{kind} names no stage of a key block")
        return cls(f"{kind}[{key}]")

    @classmethod
    def patch(cls) -> Self:
        """Return the name of the stage that takes the place of skipped orders (ADR 0037)."""
        return cls(f"{StageKind.PATCH}[orders]")

    @classmethod
    def head(cls, task: str) -> Self:
        """Return the name of a task's head."""
        return cls(f"{StageKind.HEAD}[{task}]")

    @classmethod
    def whole(cls, task: str, variant: str, kind: StageKind = StageKind.WHOLE) -> Self:
        """Return the name of a whole variant's stage.

        Raises:
            ValueError: `kind` is none of the three kinds of whole variants.
        """
        if kind not in _WHOLES:
            raise ValueError(f"{kind} names no stage of a whole variant")
        return cls(f"{kind}[{task}:{variant}]")

    def at(self, image_size: int | None) -> Self:
        """Return the stage for pictures of that side in pixels; None: the model's own."""
        return self if image_size is None else type(self)(f"{self[:-1]}:{image_size}]")

    @property
    def is_stem(self) -> bool:
        """Whether it turns inputs into a hidden state."""
        return self.kind == StageKind.STEM

    @property
    def is_block(self) -> bool:
        """Whether it is a key block's."""
        return self.kind in _BLOCKS

    @property
    def is_patch(self) -> bool:
        """Whether it takes the place of skipped orders."""
        return self.kind == StageKind.PATCH

    @property
    def is_head(self) -> bool:
        """Whether it turns a readout into logits."""
        return self.kind == StageKind.HEAD

    @property
    def is_whole(self) -> bool:
        """Whether it holds a whole variant, or one pass of it."""
        return self.kind in _WHOLES

    @property
    def leaves_caches(self) -> bool:
        """Whether it gives the keys and values of a caption's picture."""
        return self.kind in (StageKind.BLOCK_IMAGE, StageKind.WHOLE_IMAGE)

    @property
    def rides(self) -> bool:
        """Whether rows of one pass ride through it side by side, in slots."""
        return self.kind in _RIDING or self.kind is StageKind.PATCH

    @property
    def answers(self) -> bool:
        """Whether a row of one pass has its logits, or its vector, after it."""
        return self.kind in (StageKind.HEAD, StageKind.WHOLE)

    @property
    def phase(self) -> Phase:
        """The part of an answer's time that its calls count for."""
        return _PHASES.get(self.kind, "blocks")

    @property
    def alike(self) -> str:
        """What stages share that take about the same time: whatever the key, or the variant."""
        if self.is_whole:
            return f"{self.kind}[{self.task}"
        return self.kind if self.image_size is None else f"{self.kind}:{self.image_size}"


@lru_cache(maxsize=4096)
def stage_name(name: str) -> StageName:
    """Read a stage's name; the same text is read once.

    Raises:
        ValueError: the text names no stage.
    """
    return StageName(name)
