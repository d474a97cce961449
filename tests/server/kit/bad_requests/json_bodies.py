"""JSON that is no JSON, or not of the right fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.server.kit.bad_requests.request import (
    CAPTION,
    GOOD_IMAGE,
    JSON_TYPE,
    BadRequest,
    json_request,
    vqa_document,
)


def json_syntax() -> Iterator[BadRequest]:
    whole = json.dumps(vqa_document()).encode()
    for share in range(1, 10):
        cut = len(whole) * share // 10
        yield BadRequest(f"json cut at {share}0 %", whole[:cut], JSON_TYPE)
    texts = {
        "empty": b"",
        "space": b"   ",
        "word": b"hello",
        "single quotes": b"{'image': 'x'}",
        "trailing comma": b'{"image": "x",}',
        "comment": b'{"image": "x" /* no */}',
        "deep arrays": b"[" * 5000,
        "deep objects": b'{"a":' * 5000,
        "invalid utf-8": b'{"image": "\xff\xfe", "question": "q"}',
        "utf-16": '{"image": "x"}'.encode("utf-16"),
        "lone surrogate": b'{"image": "' + GOOD_IMAGE.encode() + b'", "question": "\\ud800"}',
        "nul byte": b'{"image": "x"\x00}',
        "two documents": b"{}{}",
        "huge number": b'{"top_k": ' + b"9" * 5000 + b"}",
    }
    for name, text in texts.items():
        yield BadRequest(f"json {name}", text, JSON_TYPE)
    for name, value in {"null": None, "list": [], "string": "x", "number": 3, "true": True}.items():
        yield json_request(f"json document is {name}", value)
        yield json_request(f"caption document is {name}", value, CAPTION)


def json_fields() -> Iterator[BadRequest]:
    yield json_request("no image", vqa_document(image=...))
    yield json_request("no question", vqa_document(question=...))
    yield json_request("empty document", {})
    yield json_request("both question and questions", vqa_document(questions=["a?"]))
    for name, value in {
        "null": None,
        "number": 1,
        "list": ["x"],
        "empty": "",
        "object": {},
    }.items():
        yield json_request(f"image is {name}", vqa_document(image=value))
        yield json_request(f"caption image is {name}", {"image": value}, CAPTION)
    for value in (0, -1, 101, 10**30, 2.5, "5", True, [], None):
        yield json_request(f"top_k {value!r}", vqa_document(top_k=value))
    for value in (0, -1, 513, 10**30, 2.5, "5", False, []):
        document = {"image": GOOD_IMAGE, "max_new_tokens": value}
        yield json_request(f"max_new_tokens {value!r}", document, CAPTION)
    for name in ("img", "Question", "url", "temperature", "__proto__", "", "budget.variant", "é"):
        yield json_request(f"unknown field {name!r}", vqa_document(**{name: 1}))
        yield json_request(
            f"caption unknown field {name!r}", {"image": GOOD_IMAGE, name: 1}, CAPTION
        )
    yield json_request("caption with a question", {"image": GOOD_IMAGE, "question": "q"}, CAPTION)


def base64_images() -> Iterator[BadRequest]:
    for scheme in ("http://", "https://", "ftp://", "file:///", "s3://", "gopher://", "//"):
        yield json_request(f"remote {scheme}", vqa_document(image=f"{scheme}example.org/cat.jpg"))
    for address in ("http://169.254.169.254/latest", "HTTP://LOCALHOST/x", "javascript:alert(1)"):
        yield json_request(f"remote {address}", vqa_document(image=address))
    texts = {
        "not base64": "!!!!",
        "bad padding": GOOD_IMAGE.rstrip("=")[:-3] + "=",
        "url alphabet": "_-_-" * 8,
        "non-ascii": "ééé",
        "data url without base64": "data:image/png,rawbytes",
        "data url of text": "data:text/html;base64,PGI+",
        "data url empty": "data:image/png;base64,",
        "data url broken": "data:image/png;base64,@@@@",
        "only spaces": "    ",
    }
    for name, text in texts.items():
        yield json_request(f"image {name}", vqa_document(image=text))


def questions() -> Iterator[BadRequest]:
    texts: dict[str, Any] = {
        "empty": "",
        "spaces": "   ",
        "newlines": "\n\t\r\n",
        "10,000 words": "word " * 10_000,
        "3,000 characters": "a" * 3000,
        "null": None,
        "number": 5,
        "list": ["q?"],
    }
    for name, text in texts.items():
        yield json_request(f"question {name}", vqa_document(question=text))
        yield json_request(
            f"one of questions {name}", vqa_document(question=..., questions=["ok?", text])
        )
    yield json_request("questions empty list", vqa_document(question=..., questions=[]))
    yield json_request("questions is text", vqa_document(question=..., questions="what?"))
    yield json_request("33 questions", vqa_document(question=..., questions=["q?"] * 33))
