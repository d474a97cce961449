"""The lines of a batch: ours and OpenAI's, what each asks, and what is written for it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LONGEST_LINE_BYTES = 64 * 2**20
_OPENAI = frozenset({"custom_id", "method", "url", "body"})
_ROUTE = re.compile(r"/v1/(?!artifacts/)[a-z][a-z0-9_-]*(/[a-z][a-z0-9_-]*)*")
_BY_FIELD = {"question": "/v1/vqa", "questions": "/v1/vqa", "statement": "/v1/reason"}
_ELSE = "/v1/caption"


class BadLine(Exception):
    """A line that cannot be sent; says what is wrong with it."""


@dataclass(frozen=True)
class BatchLine:
    """One line, read: what it calls itself, where it goes, and whether it is one of OpenAI's."""

    name: str
    path: str
    body: Mapping[str, Any]
    of_openai: bool

    def sendable(self, folder: Path) -> Mapping[str, Any]:
        """Return its body with the pictures in it, which lie relative to a folder.

        Raises:
            BadLine: a picture cannot be read.
        """
        if self.of_openai:
            return self.body
        body = dict(self.body)
        if "image" in body:
            body["image"] = _picture(body["image"], folder)
        if isinstance(body.get("images"), list):
            body["images"] = [_picture(each, folder) for each in body["images"]]
        return body

    def answered(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is written for an answer."""
        if self.of_openai:
            said = {"status_code": 200, "request_id": _request_id(body), "body": body}
            return {"custom_id": self.name, "response": said, "error": None}
        return {"id": self.name, **body}

    def refused(self, status: int, problem: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is written for a refusal of the server."""
        if self.of_openai:
            said = {"status_code": status, "request_id": _request_id(problem), "body": problem}
            return {"custom_id": self.name, "response": said, "error": None}
        return {"id": self.name, "error": dict(problem)}


def read_line(text: bytes, number: int) -> BatchLine:
    """Read one line; without a name of its own it is called by its number.

    Raises:
        BadLine: it is neither one of ours nor one of OpenAI's.
    """
    if len(text) > LONGEST_LINE_BYTES:
        raise BadLine(f"longer than {LONGEST_LINE_BYTES >> 20} MiB; give pictures as files")
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine("not JSON") from error
    if not isinstance(line, dict):
        raise BadLine('not an object such as {"image": "picture.jpg", "question": "…"}')
    return _openai(line) if "custom_id" in line or "body" in line else _own(line, number)


def line_hash(text: bytes) -> str:
    """Return what tells a line from another text at its place."""
    return hashlib.sha256(text).hexdigest()[:16]


def bad_record(name: str, problem: str) -> dict[str, Any]:
    """Return what is written for a line that cannot be sent."""
    return {"id": name, "error": {"title": "The line cannot be sent", "detail": problem}}


def _openai(line: dict[str, Any]) -> BatchLine:
    name, body = line.get("custom_id"), line.get("body")
    if not isinstance(name, str) or not name:
        raise BadLine("custom_id: give each line a name")
    if unknown := sorted(line.keys() - _OPENAI):
        raise BadLine(f"{unknown[0]}: not a field of a batch line")
    if line.get("method") != "POST":
        raise BadLine("method: give POST")
    path = line.get("url")
    if not isinstance(path, str) or not _ROUTE.fullmatch(path):
        raise BadLine("url: give a route that answers, such as /v1/chat/completions")
    if not isinstance(body, dict):
        raise BadLine("body: give an object")
    if body.get("stream"):
        raise BadLine("body.stream: a batch reads whole answers; leave it out")
    return BatchLine(name, path, body, of_openai=True)


def _own(line: dict[str, Any], number: int) -> BatchLine:
    body = dict(line)
    name = body.pop("id", str(number))
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise BadLine("id: give a text or a number")
    if "image" not in body and "images" not in body:
        raise BadLine('no picture: give "image", or "images" with a statement')
    if body.get("stream"):
        raise BadLine("stream: a batch reads whole answers; leave it out")
    path = next((path for field, path in _BY_FIELD.items() if field in body), _ELSE)
    return BatchLine(str(name), path, body, of_openai=False)


def _picture(given: Any, folder: Path) -> str:
    if not isinstance(given, str) or not given:
        raise BadLine("image: give the path of a file, or a data: URL")
    if given.startswith("data:"):
        return given
    if "://" in given:
        raise BadLine("image: addresses are not fetched; give the path of a file")
    try:
        return base64.b64encode((folder / given).read_bytes()).decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        raise BadLine(f"image: cannot read {given}: {why}") from error


def _request_id(body: Mapping[str, Any]) -> str | None:
    found = body.get("request_id")
    return found if isinstance(found, str) else None
