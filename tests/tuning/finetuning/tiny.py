"""A data set of a few coloured squares in our JSONL, and a recipe that tunes on it in a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tuning.finetuning.loop import FineTuning
from tuning.finetuning.processes import Processes
from tuning.recipes.sets import SetsFile

CPU = Processes(torch.device("cpu"))

COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200)}
PICTURES = 12


def write_set(folder: Path) -> Path:
    """Write questions, captions and statements about squares, each with splits train and dev."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(COLOURS)
    for split, begin in (("train", 0), ("dev", PICTURES)):
        questions, captions, statements = [], [], []
        for number in range(begin, begin + PICTURES):
            colour, other = names[number % 3], names[(number + 1) % 3]
            picture, beside = f"{number}.png", f"{begin + (number + 1) % PICTURES}.png"
            pixels = np.full((24, 32, 3), COLOURS[colour], np.uint8)
            Image.fromarray(pixels).save(folder / picture)
            questions.append({"image": picture, "question": "what color is it?", "answer": colour})
            captions.append({"image": picture, "captions": [f"a {colour} square", f"all {colour}"]})
            said = f"the left one is {colour if number % 2 else other}"
            statements.append(
                {"images": [picture, beside], "statement": said, "truth": bool(number % 2)}
            )
        for task, records in (("vqa", questions), ("caption", captions), ("reason", statements)):
            lines = "".join(json.dumps(each) + "\n" for each in records)
            (folder / f"{task}.{split}.jsonl").write_text(lines)
    return folder


def recipe(data: Path, **changes: dict[str, Any]) -> dict[str, Any]:
    """Return what a recipe's file says; `changes` are of its parts."""
    said: dict[str, Any] = {
        "name": "tiny",
        "about": "squares",
        "model": {
            "shape": {"orders": 4, "width": 16, "heads": 2, "image_size": 32, "text_positions": 12}
        },
        "method": {"kind": "otmv", "keys": 2, "skip_probability": 0.3},
        "tasks": {
            "vqa": {"data": str(data), "batch": 8, "chooses": "dev"},
            "caption": {"data": str(data), "batch": 4, "chooses": "dev", "label_smoothing": 0.1},
            "reason": {"data": str(data), "batch": 4, "image_size": 16},
        },
        "optimiser": {"learning_rate": 3e-3, "warmup_steps": 2, "clip_norm": 1.0},
        "run": {"steps": 4, "workers": 0, "checkpoint_every": 2, "precision": "fp32"},
    }
    for part, values in changes.items():
        said[part] = {**said[part], **values}
    return said


def made(said: dict[str, Any], processes: Processes = CPU) -> FineTuning:
    """Return the run of a recipe, at its start."""
    return FineTuning.of(SetsFile.model_validate(said), processes)
