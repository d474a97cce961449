"""Forms that are no forms, or not of the right fields."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests.request import (
    BOUNDARY,
    FORM_TYPE,
    JSON_TYPE,
    BadRequest,
    form,
    good_request,
    vqa_document,
)


def forms() -> Iterator[BadRequest]:
    whole = good_request().body
    for name, headers in {
        "no boundary": {"content-type": "multipart/form-data"},
        "empty boundary": {"content-type": "multipart/form-data; boundary="},
        "wrong boundary": {"content-type": "multipart/form-data; boundary=other"},
        "long boundary": {"content-type": "multipart/form-data; boundary=" + "b" * 300},
        "json type on a form": JSON_TYPE,
    }.items():
        yield BadRequest(f"form {name}", whole, headers)
    yield BadRequest("form type on json", json.dumps(vqa_document()).encode(), FORM_TYPE)
    for share in range(0, 100, 10):
        cut = len(whole) * share // 100
        yield BadRequest(f"form cut at {share} %", whole[:cut], FORM_TYPE)
    seam = f"--{BOUNDARY}".encode()
    bodies = {
        "no closing boundary": whole[: -len(seam) - 4],
        "part without headers": seam + b"\r\n\r\ndata\r\n" + seam + b"--\r\n",
        "part without a name": (
            seam + b"\r\nContent-Disposition: form-data\r\n\r\nx\r\n" + seam + b"--\r\n"
        ),
        "broken header": seam + b"\r\nContent Disposition\r\n\r\nx\r\n" + seam + b"--\r\n",
        "bare newlines": whole.replace(b"\r\n", b"\n"),
        "only the closing boundary": seam + b"--\r\n",
        "hundred parts": form([("question", b"q?")] * 100),
    }
    for name, body in bodies.items():
        yield BadRequest(f"form {name}", body, FORM_TYPE)


def form_fields() -> Iterator[BadRequest]:
    image, question = ("image", sample_pictures.jpeg()), ("question", b"what color?")
    fields: dict[str, list[tuple[str, bytes]]] = {
        "no image": [question],
        "no question": [image],
        "empty image": [("image", b""), question],
        "two images": [image, image, question],
        "unknown field": [image, question, ("extra", b"1")],
        "question invalid utf-8": [image, ("question", b"\xff\xfe\xfa")],
        "question empty": [image, ("question", b"")],
        "33 questions": [image, *[("question", b"q?")] * 33],
        "top_k twice": [image, question, ("top_k", b"1"), ("top_k", b"2")],
        "questions field": [image, ("questions", b"a?")],
        "max_new_tokens for vqa": [image, question, ("max_new_tokens", b"5")],
    }
    for name, value in (
        *(("top_k", value) for value in (b"0", b"-1", b"x", b"", b"1.5", b"1e3")),
        *(("max_latency_ms", value) for value in (b"0", b"-5", b"nan", b"inf", b"x", b"", b"1e99")),
        *(("max_memory_mb", value) for value in (b"0", b"-5", b"NaN", b"1e400")),
        *(("min_quality", value) for value in (b"0", b"2", b"-1", b"nan")),
        *(("variant", value) for value in (b"", b"nope", b"\xff", b"a/b")),
        *(("on_miss", value) for value in (b"", b"both", b"\xff")),
    ):
        fields[f"{name} {value!r}"] = [image, question, (name, value)]
    for name, parts in fields.items():
        yield BadRequest(f"form field {name}", form(parts), FORM_TYPE)
    as_file = form([image, question], files=("image", "question"))
    yield BadRequest("form field question is a file", as_file, FORM_TYPE)
