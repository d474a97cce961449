"""What schemathesis cannot know of good requests: pictures, short texts, budgets that can be met.

Applied to requests that are meant to be accepted, by `schemathesis.toml`; bad ones stay so. A form
goes out in place of the generated one, which stays as it is: schemathesis takes a body that it is
given bytes for to be a bad one, and then a good request's answer is a fault.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import schemathesis
from PIL import Image
from schemathesis.generation import GenerationMode

_MEMORY_BUDGET = "/v1/memory-budget"
_RELOAD = "/v1/artifacts/reload"
_ENOUGH_MB = 1000.0
_HARD = ("max_memory_mb", "min_quality", "variant", "on_miss")
"""Budgets that a good request may ask for and no variant of the demo meets."""
_NOT_THERE = (*_HARD, "adapter")
"""Beside these, an adapter may be named that is not loaded."""
_TEXTS = ("question", "questions", "statement")
_SHORT_CHARACTERS = 4
"""So few are 24 tokens at most, which the demo reads: a character may stand for a whole phrase."""


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    return buffer.getvalue()


_PICTURE = _picture()
_BASE64 = base64.b64encode(_PICTURE).decode()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Make a request that should be accepted one that can be."""
    parts = () if case.meta is None else case.meta.components.values()
    modes = [part.mode for part in parts]
    if case.meta is not None:
        modes.append(case.meta.generation.mode)
    if any(mode is not GenerationMode.POSITIVE for mode in modes):
        return
    if isinstance(case.body, dict):
        made = _attainable(case.body, case.path)
        if case.media_type == "application/json":
            case.body = _with_pictures(made)
        else:
            kwargs["files"] = list(_form(made))
    for name in list(case.headers or ()):
        if name.lower().replace("-", "_").removeprefix("x_otmv_") in _HARD:
            del case.headers[name]


def _attainable(body: dict[str, Any], path: str) -> dict[str, Any]:
    made = {name: value for name, value in body.items() if name not in _NOT_THERE}
    if path == _MEMORY_BUDGET and made["memory_budget_mb"] is not None:
        made["memory_budget_mb"] = _ENOUGH_MB
    if isinstance(made.get("budget"), dict):
        made["budget"] = {name: v for name, v in made["budget"].items() if name not in _HARD}
    for name in _TEXTS:
        if made.get(name) is not None:
            made[name] = _short(made[name])
    return made


def _short(text: str | list[str]) -> Any:
    if isinstance(text, list):
        return [_short(one) for one in text]
    return text[:_SHORT_CHARACTERS].strip() or "?"


def _with_pictures(body: dict[str, Any]) -> dict[str, Any]:
    pictures = {"image": _BASE64, "images": [_BASE64] * 2}
    return body | {name: value for name, value in pictures.items() if name in body}


def _form(body: dict[str, Any]) -> Iterator[tuple[str, tuple[str | None, Any]]]:
    """Yield the parts of a form, as `requests` takes them."""
    for name, value in body.items():
        for one in value if isinstance(value, list) else [value]:
            if name == "image":
                yield name, ("image.png", _PICTURE)
            else:
                yield name, (None, one if isinstance(one, str) else json.dumps(one))
