"""A world on disk: `images/*.jpg`, `vqa.jsonl`, `caption.jsonl` and `nlvr2.jsonl`.

Example `index` of `seed` is the same whatever the count, and different seeds share no example.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tuning.world.captions import describe, phrases
from tuning.world.errors import WorldError
from tuning.world.questions import Kind, QuestionAnswer, ask
from tuning.world.render import jpeg
from tuning.world.scene import Scene, sample_scene
from tuning.world.statements import Kind as StatementKind
from tuning.world.statements import Statement, state

MAX_QUESTIONS, MAX_STATEMENTS = 32, 16
_SEED_LIMIT = 2**32
_QUESTION_STREAM, _STATEMENT_STREAM = 1, 2
_VQA_FILE = "vqa.jsonl"
_CAPTION_FILE = "caption.jsonl"
_NLVR2_FILE = "nlvr2.jsonl"


@dataclass(frozen=True)
class VqaRecord:
    """One line of `vqa.jsonl`. `image` is relative to the world's folder."""

    image: str
    question: str
    answer: str
    kind: Kind


@dataclass(frozen=True)
class CaptionRecord:
    """One line of `caption.jsonl`. `objects` holds `color shape` of every object."""

    image: str
    caption: str
    objects: tuple[str, ...]


@dataclass(frozen=True)
class Nlvr2Record:
    """One line of `nlvr2.jsonl`: a statement about a left and a right picture, and its truth."""

    left: str
    right: str
    statement: str
    truth: bool
    kind: StatementKind


_Record = TypeVar("_Record", VqaRecord, CaptionRecord, Nlvr2Record)
_VQA_LINE = TypeAdapter(VqaRecord)
_CAPTION_LINE = TypeAdapter(CaptionRecord)
_NLVR2_LINE = TypeAdapter(Nlvr2Record)


def scene_of(seed: int, index: int) -> Scene:
    """Return scene `index` of the stream `seed`.

    Raises:
        WorldError: the seed is outside 0 .. 2^32 - 1.
    """
    return sample_scene(np.random.default_rng([_checked_seed(seed), index]))


def example(seed: int, index: int, questions: int) -> tuple[Scene, list[QuestionAnswer], str]:
    """Return scene `index` of `seed`, its first `questions` questions and its caption.

    Raises:
        WorldError: the seed is outside 0 .. 2^32 - 1, or there are not that many questions.
    """
    scene = scene_of(seed, index)
    rng = np.random.default_rng([seed, index, _QUESTION_STREAM])
    return scene, ask(scene, rng, questions), describe(scene)


def pair(seed: int, index: int, statements: int) -> list[Statement]:
    """Return the first `statements` statements about scenes `index` - 1 (left) and `index`.

    Scene 0 has none to its left, so there is no pair 0.

    Raises:
        WorldError: the seed is outside 0 .. 2^32 - 1, or there are not that many statements.
    """
    rng = np.random.default_rng([_checked_seed(seed), index, _STATEMENT_STREAM])
    return state(scene_of(seed, index - 1), scene_of(seed, index), rng, statements)


def write_world(
    out: Path,
    count: int,
    seed: int,
    questions_per_picture: int = 6,
    statements_per_pair: int = 2,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write `count` pictures with questions, captions and statements into the new folder `out`.

    Statements are about each picture and the one before it.

    The folder appears complete or not at all. `on_progress` gets (pictures written, count).

    Raises:
        WorldError: a number is out of range, `out` is not empty, or it cannot be written.
    """
    _check_order(out, count, seed, questions_per_picture, statements_per_pair)
    out = out.absolute()
    building = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    try:
        (building / "images").mkdir(parents=True)
        _write_examples(building, count, seed, questions_per_picture, on_progress)
        _write_pairs(building, count, seed, statements_per_pair)
        building.replace(out)
    except OSError as error:
        reason = error.strerror or str(error)
        fix = "free some space or choose a folder you may write to"
        raise WorldError(f"cannot write {out} ({reason})", fix) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def read_vqa(folder: Path) -> list[VqaRecord]:
    """Read every question of a world.

    Raises:
        WorldError: the file is missing or a line is not a question record.
    """
    return list(_records(folder / _VQA_FILE, _VQA_LINE))


def read_captions(folder: Path) -> list[CaptionRecord]:
    """Read every caption of a world.

    Raises:
        WorldError: the file is missing or a line is not a caption record.
    """
    return list(_records(folder / _CAPTION_FILE, _CAPTION_LINE))


def read_pairs(folder: Path) -> list[Nlvr2Record]:
    """Read every statement of a world.

    Raises:
        WorldError: the file is missing or a line is not a statement record.
    """
    if (folder / _CAPTION_FILE).is_file() and not (folder / _NLVR2_FILE).is_file():
        problem = f"{folder} was made before there were statements (no {_NLVR2_FILE})"
        raise WorldError(problem, "write it anew with `otmv world`")
    return list(_records(folder / _NLVR2_FILE, _NLVR2_LINE))


def _checked_seed(seed: int) -> int:
    if not 0 <= seed < _SEED_LIMIT:
        raise WorldError(f"seed {seed} is out of range", f"use 0 to {_SEED_LIMIT - 1}")
    return seed


def _check_order(out: Path, count: int, seed: int, questions: int, statements: int) -> None:
    """Refuse what cannot succeed before anything is written."""
    _checked_seed(seed)
    if count < 1:
        raise WorldError(f"cannot make {count} pictures", "ask for at least 1")
    if not 1 <= questions <= MAX_QUESTIONS:
        problem = f"cannot ask {questions} questions per picture"
        raise WorldError(problem, f"use 1 to {MAX_QUESTIONS}")
    if not 1 <= statements <= MAX_STATEMENTS:
        problem = f"cannot make {statements} statements per pair of pictures"
        raise WorldError(problem, f"use 1 to {MAX_STATEMENTS}")
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise WorldError(f"{out} is already there", "choose a new folder or remove it first")
    except OSError as error:
        fix = "choose a folder you may write to"
        raise WorldError(f"cannot look into {out} ({error.strerror})", fix) from error


def _write_examples(
    folder: Path,
    count: int,
    seed: int,
    questions: int,
    on_progress: Callable[[int, int], None] | None,
) -> None:
    with (
        (folder / _VQA_FILE).open("w", encoding="utf-8") as vqa,
        (folder / _CAPTION_FILE).open("w", encoding="utf-8") as captions,
    ):
        for index in range(count):
            scene, asked, caption = example(seed, index, questions)
            image = _image(index)
            (folder / image).write_bytes(jpeg(scene))
            for each in asked:
                vqa.write(_line(VqaRecord(image, each.question, each.answer, each.kind)))
            captions.write(_line(CaptionRecord(image, caption, tuple(phrases(scene)))))
            if on_progress is not None:
                on_progress(index + 1, count)


def _write_pairs(folder: Path, count: int, seed: int, statements: int) -> None:
    with (folder / _NLVR2_FILE).open("w", encoding="utf-8") as pairs:
        for index in range(1, count):
            left, right = _image(index - 1), _image(index)
            for each in pair(seed, index, statements):
                pairs.write(_line(Nlvr2Record(left, right, each.text, each.truth, each.kind)))


def _image(index: int) -> str:
    return f"images/{index:06d}.jpg"


def _line(record: VqaRecord | CaptionRecord | Nlvr2Record) -> str:
    return json.dumps(asdict(record)) + "\n"


def _records(path: Path, line_type: TypeAdapter[_Record]) -> Iterator[_Record]:
    """Yield every line of a world's file as a record."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        fix = f"make a world with `otmv world {path.parent} --count 1000`"
        raise WorldError(f"{path} is missing", fix) from error
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(
            f"cannot read {path} ({error})", "check the path and its rights"
        ) from error
    for number, line in enumerate(lines, start=1):
        try:
            yield line_type.validate_json(line)
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise WorldError(f"{path}:{number} is broken ({problem})", "write it anew") from error
