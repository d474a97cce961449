"""What schemathesis cannot know of good requests: pictures, and budgets that can be met.

Applied to requests that are meant to be accepted, by `schemathesis.toml`; bad ones stay so.
"""

from __future__ import annotations

import base64
import io
from typing import Any

import schemathesis
from PIL import Image
from schemathesis.generation import GenerationMode

_MEMORY_BUDGET = "/v1/memory-budget"
_RELOAD = "/v1/artifacts/reload"
_ENOUGH_MB = 1000.0
_HARD = ("max_memory_mb", "min_quality", "variant", "on_miss")
"""Budgets that a good request may ask for and no variant of the demo meets."""


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
        case.body = _attainable(case.body, case.path, case.media_type != "application/json")
    for name in list(case.headers or ()):
        if name.lower().replace("-", "_").removeprefix("x_otmv_") in _HARD:
            del case.headers[name]


def _attainable(body: dict[str, Any], path: str, is_form: bool) -> dict[str, Any]:
    made = dict(body)
    if "image" in made and is_form:
        one = not isinstance(made["image"], list)
        made["image"] = _PICTURE if one else [_PICTURE] * 2
    elif "image" in made:
        made["image"] = _BASE64
    if "images" in made:
        made["images"] = [_BASE64] * 2
    if path == _MEMORY_BUDGET and made["memory_budget_mb"] is not None:
        made["memory_budget_mb"] = _ENOUGH_MB
    if isinstance(made.get("budget"), dict):
        made["budget"] = {name: v for name, v in made["budget"].items() if name not in _HARD}
    for name in _HARD:
        made.pop(name, None)
    return _one_greedy_stream(made)


def _one_greedy_stream(made: dict[str, Any]) -> dict[str, Any]:
    """Return a caption's choices so that no stream has several beams."""
    return {**made, "num_beams": 1} if made.get("stream") else made
