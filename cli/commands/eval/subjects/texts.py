"""Which texts a subject can read."""

from __future__ import annotations

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from artifact.task import TASKS, TaskName
from tuning.data.example import DataExample


def text_problem(codec: TextCodec, task: TaskName, example: DataExample) -> str | None:
    """Return why an example's text cannot be read, or None."""
    if TASKS[task].text is None:
        return None
    if example.text is None:
        return "comes as token ids, not as words: give the data set in its first format"
    try:
        codec.encode_question(example.text)
    except TextError as error:
        return str(error)
    return None
