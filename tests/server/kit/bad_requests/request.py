"""One request over HTTP, and the parts that good and bad ones are made of."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from tests.server.kit import sample_pictures

VQA, CAPTION, REASON = "/v1/vqa", "/v1/caption", "/v1/reason"
JSON_TYPE = {"content-type": "application/json"}
BOUNDARY = "seam"
FORM_TYPE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
GOOD_IMAGE = base64.b64encode(sample_pictures.jpeg()).decode()
MAX_BODY_BYTES = 20 * 2**20


@dataclass(frozen=True)
class BadRequest:
    """One request that must be refused."""

    name: str
    body: bytes = b""
    headers: dict[str, str | bytes] = field(default_factory=dict)
    path: str = VQA
    method: str = "POST"
    expected: tuple[int, ...] = (422,)


def good_request() -> BadRequest:
    """Return a request that must succeed, in the same shape."""
    body = form([("image", sample_pictures.jpeg()), ("question", b"what color?")])
    return BadRequest("good", body, FORM_TYPE, expected=(200,))


def form(parts: list[tuple[str, bytes]], files: tuple[str, ...] = ("image",)) -> bytes:
    """Return a multipart body; fields named in `files` are sent as files."""
    out = b""
    for name, data in parts:
        filename = '; filename="picture.jpg"' if name in files else ""
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        out += filename.encode() + b"\r\n\r\n" + data + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


def json_request(name: str, document: Any, path: str = VQA, **more: Any) -> BadRequest:
    return BadRequest(name, json.dumps(document).encode(), JSON_TYPE, path, **more)


def vqa_document(**changes: Any) -> dict[str, Any]:
    document = {"image": GOOD_IMAGE, "question": "what color?", **changes}
    return {name: value for name, value in document.items() if value is not ...}
