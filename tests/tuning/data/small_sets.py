"""A small folder of every format: four pictures a split, all of them there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PICTURES = 4
Write = Callable[[Path], None]


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels.repeat(8, 0).repeat(8, 1)).save(path)


def lines(path: Path, records: Iterable[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def whole(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def vqav2(folder: Path) -> None:
    for split in ("train2014", "val2014"):
        ids = range(PICTURES)
        questions = [
            {"question_id": 10 * i + q, "image_id": i, "question": f"what is {q} in {i}?"}
            for i in ids
            for q in range(2)
        ]
        annotations = [
            {
                "question_id": each["question_id"],
                "image_id": each["image_id"],
                "question_type": "what is",
                "answer_type": "other",
                "multiple_choice_answer": "dog",
                "answers": [
                    {
                        "answer_id": k,
                        "answer": "dog" if k < 7 else "cat",
                        "answer_confidence": "yes",
                    }
                    for k in range(10)
                ],
            }
            for each in questions
        ]
        whole(
            folder / f"v2_OpenEnded_mscoco_{split}_questions.json",
            {"info": {"year": 2017}, "license": {"name": "x"}, "questions": questions},
        )
        whole(
            folder / f"v2_mscoco_{split}_annotations.json",
            {"info": {}, "annotations": annotations, "data_subtype": split},
        )
        for i in ids:
            picture(folder / split / f"COCO_{split}_{i:012d}.jpg", i)


def _karpathy(folder: Path, name: str, inside: str | None) -> None:
    images = []
    for i in range(PICTURES):
        file = f"picture{i}.jpg"
        picture(folder / (inside or "flickr30k-images") / file, i)
        record = {
            "filename": file,
            "imgid": i,
            "split": ("train", "restval", "val", "test")[i],
            "sentences": [
                {"raw": f"caption {c} of {i}.", "tokens": ["caption"], "sentid": 5 * i + c}
                for c in range(5)
            ],
        }
        images.append(record | ({"filepath": inside, "cocoid": 100 + i} if inside else {}))
    whole(folder / f"dataset_{name}.json", {"images": images, "dataset": name})


def coco(folder: Path) -> None:
    _karpathy(folder, "coco", "val2014")


def flickr30k(folder: Path) -> None:
    _karpathy(folder, "flickr30k", None)


def nlvr2(folder: Path) -> None:
    for split, where in (("train", "images/train/7"), ("dev", "dev"), ("test1", "test1")):
        records = []
        for i in range(PICTURES):
            for side in (0, 1):
                picture(folder / where / f"{split}-{i}-0-img{side}.png", i)
            record = {
                "sentence": f"there are {i} dogs",
                "label": ("True", "False")[i % 2],
                "identifier": f"{split}-{i}-0-1",
            }
            records.append(record | ({"directory": 7} if split == "train" else {}))
        lines(folder / f"{split}.json", records)


def blip(folder: Path) -> None:
    for i in range(PICTURES):
        picture(folder / f"val2014/COCO_val2014_{i:012d}.jpg", i)
    names = [f"val2014/COCO_val2014_{i:012d}.jpg" for i in range(PICTURES)]
    whole(
        folder / "vqa_train.json",
        [
            {
                "question_id": i,
                "question": "what?",
                "image": name,
                "dataset": "vqa",
                "answer": ["dog"],
            }
            for i, name in enumerate(names)
        ],
    )
    whole(
        folder / "coco_karpathy_test.json",
        [{"image": name, "caption": ["one", "two"]} for name in names],
    )
    whole(
        folder / "nlvr_dev.json",
        [{"images": [name, name], "sentence": "so", "label": "True"} for name in names],
    )


def beit3(folder: Path) -> None:
    for i in range(PICTURES):
        picture(folder / f"val2014/{i}.jpg", i)
    lines(
        folder / "answer2label.txt",
        [{"answer": word, "label": i} for i, word in enumerate(("dog", "cat"))],
    )
    lines(
        folder / "vqa.train.jsonl",
        [
            {
                "image_path": f"val2014/{i}.jpg",
                "text_segment": [5, 6],
                "labels": [0, 1],
                "scores": [1.0, 0.3],
                "qid": i,
            }
            for i in range(PICTURES)
        ],
    )
    lines(
        folder / "nlvr2.dev.index.jsonl",
        [
            {
                "image_path": f"val2014/{i}.jpg",
                "image2_path": "val2014/0.jpg",
                "text_segment": [5],
                "label": 1,
                "identifier": f"dev-{i}-0-0",
            }
            for i in range(PICTURES)
        ],
    )
    lines(
        folder / "coco_captioning.val.jsonl",
        [
            {"image_path": f"val2014/{i}.jpg", "text_segment": None, "image_id": i}
            for i in range(PICTURES)
        ],
    )


def easy_vqa(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ids = range(PICTURES)
    (folder / "answers.txt").write_text("yes\nno\ndog\n")
    for split in ("train", "test"):
        for i in range(PICTURES):
            picture(folder / split / f"images/{i}.png", i)
        whole(
            folder / split / "questions.json",
            [[f"is it {i}?" if i else "what is it?", "yes" if i else "dog", i] for i in ids],
        )


def world(folder: Path) -> None:
    names = [f"images/{i:06d}.jpg" for i in range(PICTURES)]
    for i, name in enumerate(names):
        picture(folder / name, i)
    lines(
        folder / "vqa.jsonl",
        [
            {"image": name, "question": "how many?", "answer": "2", "kind": "count"}
            for name in names
        ],
    )
    lines(
        folder / "caption.jsonl",
        [{"image": name, "caption": "a cross", "objects": ["red cross"]} for name in names],
    )
    lines(
        folder / "nlvr2.jsonl",
        [
            {"left": names[0], "right": name, "statement": "so", "truth": True, "kind": "count"}
            for name in names
        ],
    )


def jsonl(folder: Path) -> None:
    names = [f"pictures/{i}.png" for i in range(PICTURES)]
    for i, name in enumerate(names):
        picture(folder / name, i)
    lines(
        folder / "vqa.train.jsonl",
        [{"image": name, "question": "what?", "answers": ["dog", "a dog"]} for name in names],
    )
    lines(
        folder / "caption.test.jsonl",
        [
            {"image": name, "captions": ["a dog", "one dog"], "id": i}
            for i, name in enumerate(names)
        ],
    )
    lines(
        folder / "reason.dev.jsonl",
        [{"images": [names[0], name], "statement": "two dogs", "truth": False} for name in names],
    )
    lines(folder / "retrieval.test.jsonl", [{"image": name, "caption": "a dog"} for name in names])


SETS: dict[str, Write] = {
    "vqav2": vqav2,
    "coco": coco,
    "flickr30k": flickr30k,
    "nlvr2": nlvr2,
    "blip": blip,
    "beit3": beit3,
    "easy-vqa": easy_vqa,
    "world": world,
    "jsonl": jsonl,
}
"""How a small set of each format is written."""
