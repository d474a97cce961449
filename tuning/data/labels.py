"""Lists of answers: what a model can say, and what a data set asks for beyond it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from artifact.scoring.answers import normalize_answer
from tuning.data.formats.beit3 import read_labels
from tuning.data.problems import DataError, ProblemKind, Problems
from tuning.data.sets import DataSet

_FIX = "give answer2label.txt, an artifact's labels.json, or a text with an answer a line"


def read_answer_list(file: Path) -> tuple[str, ...]:
    """Read a list of answers: BEiT-3's `answer2label.txt`, a JSON array, or one answer a line.

    Raises:
        DataError: the file is none of these.
    """
    try:
        text = file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the list of answers {file} ({error})", _FIX) from error
    if text.startswith("{"):
        problems = Problems()
        answers = tuple(read_labels(file, problems))
        if broken := [*problems.first(ProblemKind.FILE), *problems.first(ProblemKind.RECORD)]:
            raise DataError(f"{file} is no list of answers", str(broken[0]))
    elif text[:1] == "[":
        answers = _array(file, text)
    else:
        answers = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not answers:
        raise DataError(f"{file} lists no answer", _FIX)
    return answers


def outside(data: DataSet, listed: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield every answer of a data set that a list does not hold, and how often it was given.

    Answers are the same if their normalized forms are.
    """
    known = {*listed, *map(normalize_answer, listed)}
    texts, given = data.examples.answer_texts, data.examples.answers_given
    for at, times in enumerate(given.tolist()):
        answer = texts[at]
        if answer not in known and normalize_answer(answer) not in known:
            yield answer, times


def _array(file: Path, text: str) -> tuple[str, ...]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DataError(f"{file} breaks off ({error})", "copy or download it again") from error
    if not all(isinstance(each, str) for each in value):
        raise DataError(f"{file} is no list of texts", _FIX)
    return tuple(value)
