"""Statements without two pictures, or without words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests.request import (
    FORM_TYPE,
    GOOD_IMAGE,
    MAX_BODY_BYTES,
    REASON,
    BadRequest,
    form,
    json_request,
)


def reason_json() -> Iterator[BadRequest]:
    def document(**changes: Any) -> dict[str, Any]:
        good = {"images": [GOOD_IMAGE] * 2, "statement": "both are red", **changes}
        return {name: value for name, value in good.items() if value is not ...}

    for name, images in {
        "missing": ...,
        "null": None,
        "text": GOOD_IMAGE,
        "none": [],
        "one": [GOOD_IMAGE],
        "three": [GOOD_IMAGE] * 3,
        "an object": {"left": GOOD_IMAGE, "right": GOOD_IMAGE},
        "number inside": [GOOD_IMAGE, 1],
        "null inside": [None, GOOD_IMAGE],
        "empty inside": ["", GOOD_IMAGE],
        "blank inside": [GOOD_IMAGE, "  "],
        "nested": [[GOOD_IMAGE], GOOD_IMAGE],
        "not base64": [GOOD_IMAGE, "!!!!"],
        "remote": [GOOD_IMAGE, "http://169.254.169.254/latest"],
    }.items():
        yield json_request(f"images {name}", document(images=images), REASON)
    for name, statement in {
        "missing": ...,
        "null": None,
        "number": 5,
        "list": ["a", "b"],
        "true": True,
        "empty": "",
        "spaces": "  \n",
        "10,000 words": "word " * 10_000,
        "too many words": "a b " * 400,
    }.items():
        yield json_request(f"statement {name}", document(statement=statement), REASON)
    for name in ("image", "question", "statements", "left", "num_beams", "stream", "top_k"):
        yield json_request(f"reason unknown field {name}", document(**{name: "x"}), REASON)
    yield json_request("reason unknown budget", document(budget={"max_latency_s": 1}), REASON)
    for value in (None, [], "x", 3):
        yield json_request(f"reason document is {value!r}", value, REASON)


def reason_forms() -> Iterator[BadRequest]:
    image, statement = ("image", sample_pictures.jpeg()), ("statement", b"both are red")
    whole = sample_pictures.noisy()
    cut, huge = (
        ("image", whole[: len(whole) // 2]),
        ("image", sample_pictures.png_header(50_000, 50_000)),
    )
    text = ("image", b"this is not a picture")
    for name, parts, expected in (
        ("no image", [statement], 422),
        ("one image", [image, statement], 422),
        ("three images", [image] * 3 + [statement], 422),
        ("an empty image", [image, ("image", b""), statement], 422),
        ("no statement", [image] * 2, 422),
        ("an empty statement", [image, image, ("statement", b" ")], 422),
        ("two statements", [image, image, statement, statement], 422),
        ("a statement that is no UTF-8", [image, image, ("statement", b"\xff\xfe")], 422),
        ("a question", [image, image, statement, ("question", b"q?")], 422),
        ("left and right", [("left", b"x"), ("right", b"x"), statement], 422),
        ("the left picture cut", [cut, image, statement], 422),
        ("the right picture cut", [image, cut, statement], 422),
        ("both pictures cut", [cut, cut, statement], 422),
        ("a right picture too large", [image, huge, statement], 413),
        ("a right file of text", [image, text, statement], 415),
        ("both together too large", [("image", b"x" * (MAX_BODY_BYTES // 2))] * 2, 413),
    ):
        yield BadRequest(f"reason {name}", form(parts), FORM_TYPE, REASON, expected=(expected,))
    as_file = form([image, image, statement], files=("image", "statement"))
    yield BadRequest("reason statement is a file", as_file, FORM_TYPE, REASON)
    body = form([image, image, statement])
    for share in range(0, 100, 20):
        part = body[: len(body) * share // 100]
        yield BadRequest(f"reason form cut at {share} %", part, FORM_TYPE, REASON)
    plain = {"content-type": "text/plain"}
    yield BadRequest("reason content type", body, plain, REASON, expected=(415,))
