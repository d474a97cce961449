"""What the users send: pictures from a generated world, or simple ones drawn here."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

BOUNDARY = "otmv-load-test"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
_COLORS = {"red": (220, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 220)}
_SIDE_PX = 96
_DRAWN = 64


@dataclass(frozen=True)
class VqaCase:
    """A picture file, a question, and the right answer if it is known."""

    image: bytes
    question: str
    answer: str | None


@dataclass(frozen=True)
class CaptionCase:
    """A picture file and the phrases a right caption holds; none if unknown."""

    image: bytes
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class ReasonCase:
    """Two picture files, a statement about them, and its truth if it is known."""

    left: bytes
    right: bytes
    statement: str
    truth: bool | None


@dataclass(frozen=True)
class Cases:
    """Everything the users draw from."""

    vqa: tuple[VqaCase, ...]
    caption: tuple[CaptionCase, ...]
    reason: tuple[ReasonCase, ...]


def load_cases(world: Path | None, limit: int = 2000) -> Cases:
    """Read a world written by `otmv world`, or draw simple pictures when there is none."""
    if world is None:
        return _drawn()
    pictures: dict[str, bytes] = {}

    def picture(name: str) -> bytes:
        if name not in pictures:
            pictures[name] = (world / name).read_bytes()
        return pictures[name]

    questions = _lines(world / "vqa.jsonl")[:limit]
    captions = _lines(world / "caption.jsonl")[:limit]
    pairs = world / "nlvr2.jsonl"
    statements = _lines(pairs)[:limit] if pairs.is_file() else []
    return Cases(
        tuple(VqaCase(picture(q["image"]), q["question"], q["answer"]) for q in questions),
        tuple(CaptionCase(picture(c["image"]), tuple(c["objects"])) for c in captions),
        tuple(
            ReasonCase(picture(s["left"]), picture(s["right"]), s["statement"], s["truth"])
            for s in statements
        ),
    )


def encode_form(image: bytes, fields: Mapping[str, str], *more: bytes) -> bytes:
    """Return a multipart body, so that the load generator spends no time on it.

    `more` are further pictures, in the order of the form.
    """
    out = io.BytesIO()
    for name, value in fields.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        out.write(head.encode() + value.encode() + b"\r\n")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    for picture in (image, *more):
        out.write(head.encode() + picture + b"\r\n")
    out.write(f"--{BOUNDARY}--\r\n".encode())
    return out.getvalue()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line]


def _drawn() -> Cases:
    rng = random.Random(0)
    vqa, caption = [], []
    for _ in range(_DRAWN):
        color = rng.choice(sorted(_COLORS))
        image = Image.new("RGB", (_SIDE_PX, _SIDE_PX), (200, 200, 200))
        x, y = rng.randrange(10, 50), rng.randrange(10, 50)
        ImageDraw.Draw(image).ellipse((x, y, x + 32, y + 32), fill=_COLORS[color])
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=90)
        vqa.append(VqaCase(buffer.getvalue(), "what color is the circle?", None))
        caption.append(CaptionCase(buffer.getvalue(), ()))
    pictures = [case.image for case in vqa]
    reason = [
        ReasonCase(left, right, "there is a circle in both pictures", None)
        for left, right in zip(pictures, pictures[1:] + pictures[:1], strict=True)
    ]
    return Cases(tuple(vqa), tuple(caption), tuple(reason))
