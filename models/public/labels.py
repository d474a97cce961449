"""The answers of a released VQA checkpoint, in the order of its logits."""

from __future__ import annotations

import json
from pathlib import Path

from models.public.errors import UnreadableText


def read_labels(path: Path, count: int) -> tuple[str, ...]:
    """Read BEiT-3's `answer2label.txt`, or a JSON list of answers.

    In `answer2label.txt` each line is an object with `answer` and `label`, its number.

    Args:
        path: of the file.
        count: answers of the model.

    Raises:
        UnreadableText: it is neither, a number is missing or twice, or there are not `count`.
    """
    if not path.is_file():
        fix = "give --labels answer2label.txt, which BEiT-3's VQAv2 index writes"
        raise UnreadableText(path, "no such file", fix)
    fix = 'write {"answer": "yes", "label": 0} on each line, or a JSON list of answers'
    try:
        answers = _answers(path.read_text("utf-8"))
    except (ValueError, TypeError, KeyError) as error:
        raise UnreadableText(path, f"no list of answers ({_short(error)})", fix) from error
    if len(answers) != count:
        problem = f"{len(answers)} answers, the checkpoint has {count}"
        raise UnreadableText(path, problem, "give the list that it was fine-tuned with")
    return answers


def _answers(text: str) -> tuple[str, ...]:
    if text.lstrip()[:1] == "[":
        found = json.loads(text)
    else:
        numbered: dict[int, str] = {}
        for line in filter(str.strip, text.splitlines()):
            entry = json.loads(line)
            if int(entry["label"]) in numbered:
                raise ValueError(f"label {entry['label']} twice")
            numbered[int(entry["label"])] = entry["answer"]
        if sorted(numbered) != list(range(len(numbered))):
            raise ValueError("labels are not 0, 1, 2 and so on")
        found = [numbered[label] for label in range(len(numbered))]
    if not found or not all(isinstance(answer, str) for answer in found):
        raise ValueError("an answer is no text")
    return tuple(found)


def _short(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else ""
    return f"no field {said}" if isinstance(error, KeyError) else said or type(error).__name__
