"""Choices that no caption can have."""

from __future__ import annotations

from collections.abc import Iterator

from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests.request import (
    CAPTION,
    FORM_TYPE,
    GOOD_IMAGE,
    BadRequest,
    form,
    json_request,
    vqa_document,
)


def caption_choices() -> Iterator[BadRequest]:
    for field_name, values in {
        "num_beams": (0, -1, 9, 10**30, 2.5, "2", "x", True, None, []),
        "stream": (1, 0, "true", "yes", None, [], {}),
    }.items():
        for value in values:
            document = {"image": GOOD_IMAGE, field_name: value}
            yield json_request(f"{field_name} {value!r}", document, CAPTION)
            yield json_request(
                f"{field_name} {value!r} of a question", vqa_document(**{field_name: value})
            )
    for beams in (2, 8, 9):
        document = {"image": GOOD_IMAGE, "num_beams": beams, "stream": True}
        yield json_request(f"stream of {beams} beams", document, CAPTION)
    image = ("image", sample_pictures.jpeg())
    for field_name, value in (
        *(("num_beams", value) for value in (b"0", b"9", b"x", b"", b"1.5", b"\xff")),
        *(
            ("stream", value)
            for value in (
                b"",
                b"maybe",
                b"2",
                b"1",
                b"yes",
                b"on",
                b"True",
                b" true",
                b"\xff",
                b"true\0",
            )
        ),
    ):
        body = form([image, (field_name, value)])
        yield BadRequest(f"form {field_name} {value!r}", body, FORM_TYPE, CAPTION)
    both = [image, ("stream", b"true"), ("num_beams", b"2")]
    yield BadRequest("form stream of beams", form(both), FORM_TYPE, CAPTION)
    twice = [image, ("stream", b"true"), ("stream", b"false")]
    yield BadRequest("form stream twice", form(twice), FORM_TYPE, CAPTION)
    damaged = [("image", sample_pictures.noisy()[:4000]), ("stream", b"true")]
    yield BadRequest("form stream of a cut picture", form(damaged), FORM_TYPE, CAPTION)
