"""At least 200 distinct bad requests, generated deterministically, for any server (fake or live).

`expected` are the statuses that are right; each answer must also be problem+json.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
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
    headers: dict[str, str] = field(default_factory=dict)
    path: str = VQA
    method: str = "POST"
    expected: tuple[int, ...] = (422,)


def good_request() -> BadRequest:
    """Return a request that must succeed, in the same shape."""
    body = form([("image", sample_pictures.jpeg()), ("question", b"what color?")])
    return BadRequest("good", body, FORM_TYPE, expected=(200,))


def corpus() -> list[BadRequest]:
    """Return every bad request; names and contents are distinct."""
    cases = [
        *_json_syntax(),
        *_json_fields(),
        *_budgets(),
        *_budget_headers(),
        *_base64_images(),
        *_broken_pictures(),
        *_content_types(),
        *_forms(),
        *_form_fields(),
        *_questions(),
        *_caption_choices(),
        *_reason_json(),
        *_reason_forms(),
        *_routes(),
    ]
    assert len({case.name for case in cases}) == len(cases)
    return cases


def form(parts: list[tuple[str, bytes]], files: tuple[str, ...] = ("image",)) -> bytes:
    """Return a multipart body; fields named in `files` are sent as files."""
    out = b""
    for name, data in parts:
        filename = '; filename="picture.jpg"' if name in files else ""
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        out += filename.encode() + b"\r\n\r\n" + data + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


def _json(name: str, document: Any, path: str = VQA, **more: Any) -> BadRequest:
    return BadRequest(name, json.dumps(document).encode(), JSON_TYPE, path, **more)


def _vqa(**changes: Any) -> dict[str, Any]:
    document = {"image": GOOD_IMAGE, "question": "what color?", **changes}
    return {name: value for name, value in document.items() if value is not ...}


def _json_syntax() -> Iterator[BadRequest]:
    whole = json.dumps(_vqa()).encode()
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
        yield _json(f"json document is {name}", value)
        yield _json(f"caption document is {name}", value, CAPTION)


def _json_fields() -> Iterator[BadRequest]:
    yield _json("no image", _vqa(image=...))
    yield _json("no question", _vqa(question=...))
    yield _json("empty document", {})
    yield _json("both question and questions", _vqa(questions=["a?"]))
    for name, value in {
        "null": None,
        "number": 1,
        "list": ["x"],
        "empty": "",
        "object": {},
    }.items():
        yield _json(f"image is {name}", _vqa(image=value))
        yield _json(f"caption image is {name}", {"image": value}, CAPTION)
    for value in (0, -1, 101, 10**30, 2.5, "5", True, [], None):
        yield _json(f"top_k {value!r}", _vqa(top_k=value))
    for value in (0, -1, 513, 10**30, 2.5, "5", False, []):
        document = {"image": GOOD_IMAGE, "max_new_tokens": value}
        yield _json(f"max_new_tokens {value!r}", document, CAPTION)
    for name in ("img", "Question", "url", "temperature", "__proto__", "", "budget.variant", "é"):
        yield _json(f"unknown field {name!r}", _vqa(**{name: 1}))
        yield _json(f"caption unknown field {name!r}", {"image": GOOD_IMAGE, name: 1}, CAPTION)
    yield _json("caption with a question", {"image": GOOD_IMAGE, "question": "q"}, CAPTION)


def _budgets() -> Iterator[BadRequest]:
    numbers: tuple[Any, ...] = (0, -1, -0.5, 1e300, 10**40, "5", True, [], {})
    for field_name in ("max_latency_ms", "max_memory_mb", "min_quality"):
        for value in numbers:
            yield _json(f"{field_name} {value!r}", _vqa(budget={field_name: value}))
        for word in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
            text = json.dumps(_vqa(budget={field_name: 0})).replace(": 0}", f": {word}}}")
            yield BadRequest(f"{field_name} {word}", text.encode(), JSON_TYPE)
    yield _json("min_quality above 1", _vqa(budget={"min_quality": 1.01}))
    for value in ("", "no-such-variant", "../etc/passwd", "a b", "x" * 65, "<d6>", 6, [], "d6\n"):
        yield _json(f"variant {value!r}", _vqa(budget={"variant": value}))
    for value in ("", "DEGRADE", "ignore", 1, True, ["reject"]):
        yield _json(f"on_miss {value!r}", _vqa(budget={"on_miss": value}))
    for value in (None, 5, "d6", [], [{}]):
        yield _json(f"budget is {value!r}", _vqa(budget=value))
    yield _json("unknown budget field", _vqa(budget={"max_latency_s": 1}))
    yield _json("caption unknown budget field", {"image": GOOD_IMAGE, "budget": {"x": 1}}, CAPTION)
    yield _json("memory below every variant", _vqa(budget={"max_memory_mb": 1e-6}))


def _budget_headers() -> Iterator[BadRequest]:
    body = json.dumps(_vqa()).encode()
    numeric = ("X-Otmv-Max-Latency-Ms", "X-Otmv-Max-Memory-Mb", "X-Otmv-Min-Quality")
    for name in numeric:
        for value in ("0", "-1", "nan", "inf", "1e999", "five", "", "0x10", "1,5"):
            yield BadRequest(f"{name}: {value!r}", body, {**JSON_TYPE, name: value})
    for name, value in (
        ("X-Otmv-On-Miss", "maybe"),
        ("X-Otmv-Variant", "no such"),
        ("X-Otmv-Variant", "nosuchvariant"),
        ("X-Otmv-Latency", "5"),
        ("X-Otmv-Max-Latency-S", "5"),
    ):
        yield BadRequest(f"{name}: {value}", body, {**JSON_TYPE, name: value})


def _base64_images() -> Iterator[BadRequest]:
    for scheme in ("http://", "https://", "ftp://", "file:///", "s3://", "gopher://", "//"):
        yield _json(f"remote {scheme}", _vqa(image=f"{scheme}example.org/cat.jpg"))
    for address in ("http://169.254.169.254/latest", "HTTP://LOCALHOST/x", "javascript:alert(1)"):
        yield _json(f"remote {address}", _vqa(image=address))
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
        yield _json(f"image {name}", _vqa(image=text))


def _broken_pictures() -> Iterator[BadRequest]:
    bad: dict[str, tuple[bytes, tuple[int, ...]]] = {
        "text": (b"this is not a picture", (415,)),
        "one byte": (b"x", (415,)),
        "zeros": (b"\0" * 500, (415,)),
        "html": (b"<html><body>hi</body></html>", (415,)),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', (415,)),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", (415,)),
        "zip": (b"PK\x03\x04" + b"\0" * 60, (415,)),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", (415,)),
        "ppm, not accepted": (b"P6 2 2 255\n" + b"\1" * 12, (415,)),
        "png 50000x50000": (sample_pictures.png_header(50_000, 50_000), (413,)),
        "png 10000x10000": (sample_pictures.png_header(10_000, 10_000), (413,)),
        "png 2^31-1 wide": (sample_pictures.png_header(2**31 - 1, 1), (413, 415)),
        "png without pixels": (sample_pictures.png_header(0, 5), (415, 422)),
        "gif 65535x65535": (sample_pictures.gif_screen(65_535, 65_535), (413,)),
        "gif without frames": (b"GIF89a\5\0\5\0\0\0\0;", (415, 422)),
        "bmp 40000x40000": (sample_pictures.bmp_header(40_000, 40_000), (413,)),
        "bmp without data": (sample_pictures.bmp_header(40, 40), (422,)),
    }
    for fmt in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = sample_pictures.noisy(fmt)
        for share in (3, 50, 90):
            bad[f"{fmt} cut at {share} %"] = (whole[: len(whole) * share // 100], (415, 422))
    damaged = bytearray(sample_pictures.noisy("PNG"))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = b"\xff" * 40
    bad["PNG damaged inside"] = (bytes(damaged), (422,))
    for name, (data, expected) in bad.items():
        body = form([("image", data), ("question", b"what color?")])
        yield BadRequest(f"picture {name}", body, FORM_TYPE, expected=expected)
        encoded = base64.b64encode(data).decode()
        yield _json(f"caption {name}", {"image": encoded}, CAPTION, expected=expected)


def _content_types() -> Iterator[BadRequest]:
    body = json.dumps(_vqa()).encode()
    for value in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "image/jpeg",
        "application/octet-stream",
        "application/xml",
        "multipart/mixed; boundary=seam",
        "application/jsonp",
        "json",
        ";;;",
        "application/json; charset=utf-16",
    ):
        headers = {"content-type": value}
        yield BadRequest(f"content type {value}", body, headers, expected=(415,))
    yield BadRequest("no content type", body, {}, expected=(415,))
    for encoding in ("gzip", "br", "zstd", "deflate"):
        headers = {**JSON_TYPE, "content-encoding": encoding}
        yield BadRequest(f"content encoding {encoding}", body, headers, expected=(415,))
    big = b'{"image": "' + b"A" * (MAX_BODY_BYTES + 1)
    yield BadRequest("body over the limit", big, JSON_TYPE, expected=(413,))


def _forms() -> Iterator[BadRequest]:
    whole = good_request().body
    for name, headers in {
        "no boundary": {"content-type": "multipart/form-data"},
        "empty boundary": {"content-type": "multipart/form-data; boundary="},
        "wrong boundary": {"content-type": "multipart/form-data; boundary=other"},
        "long boundary": {"content-type": "multipart/form-data; boundary=" + "b" * 300},
        "json type on a form": JSON_TYPE,
    }.items():
        yield BadRequest(f"form {name}", whole, headers)
    yield BadRequest("form type on json", json.dumps(_vqa()).encode(), FORM_TYPE)
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


def _form_fields() -> Iterator[BadRequest]:
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


def _questions() -> Iterator[BadRequest]:
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
        yield _json(f"question {name}", _vqa(question=text))
        yield _json(f"one of questions {name}", _vqa(question=..., questions=["ok?", text]))
    yield _json("questions empty list", _vqa(question=..., questions=[]))
    yield _json("questions is text", _vqa(question=..., questions="what?"))
    yield _json("33 questions", _vqa(question=..., questions=["q?"] * 33))


def _caption_choices() -> Iterator[BadRequest]:
    for field_name, values in {
        "num_beams": (0, -1, 9, 10**30, 2.5, "2", "x", True, None, []),
        "stream": (1, 0, "true", "yes", None, [], {}),
    }.items():
        for value in values:
            document = {"image": GOOD_IMAGE, field_name: value}
            yield _json(f"{field_name} {value!r}", document, CAPTION)
            yield _json(f"{field_name} {value!r} of a question", _vqa(**{field_name: value}))
    for beams in (2, 8, 9):
        document = {"image": GOOD_IMAGE, "num_beams": beams, "stream": True}
        yield _json(f"stream of {beams} beams", document, CAPTION)
    image = ("image", sample_pictures.jpeg())
    for field_name, value in (
        *(("num_beams", value) for value in (b"0", b"9", b"x", b"", b"1.5", b"\xff")),
        *(("stream", value) for value in (b"", b"maybe", b"2", b"\xff", b"true\0")),
    ):
        body = form([image, (field_name, value)])
        yield BadRequest(f"form {field_name} {value!r}", body, FORM_TYPE, CAPTION)
    both = [image, ("stream", b"true"), ("num_beams", b"2")]
    yield BadRequest("form stream of beams", form(both), FORM_TYPE, CAPTION)
    twice = [image, ("stream", b"true"), ("stream", b"false")]
    yield BadRequest("form stream twice", form(twice), FORM_TYPE, CAPTION)
    damaged = [("image", sample_pictures.noisy()[:4000]), ("stream", b"true")]
    yield BadRequest("form stream of a cut picture", form(damaged), FORM_TYPE, CAPTION)


def _reason_json() -> Iterator[BadRequest]:
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
        yield _json(f"images {name}", document(images=images), REASON)
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
        yield _json(f"statement {name}", document(statement=statement), REASON)
    for name in ("image", "question", "statements", "left", "num_beams", "stream", "top_k"):
        yield _json(f"reason unknown field {name}", document(**{name: "x"}), REASON)
    yield _json("reason unknown budget", document(budget={"max_latency_s": 1}), REASON)
    for value in (None, [], "x", 3):
        yield _json(f"reason document is {value!r}", value, REASON)


def _reason_forms() -> Iterator[BadRequest]:
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


def _routes() -> Iterator[BadRequest]:
    body = json.dumps(_vqa()).encode()
    for path in ("/", "/v1", "/v1/vqaa", "/v2/vqa", "/v1/vqa/x", "/../etc/passwd", "/%00", "/é"):
        yield BadRequest(f"path {path}", body, JSON_TYPE, path, expected=(404,))
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        for path in (VQA, CAPTION, REASON):
            name = f"{method} {path}"
            yield BadRequest(name, b"", {}, path, method, expected=(405,))
    for path in ("/v1/variants", "/healthz", "/readyz", "/metrics"):
        yield BadRequest(f"POST {path}", body, JSON_TYPE, path, expected=(405,))
    yield BadRequest("query parameter", body, JSON_TYPE, f"{VQA}?max_latency_ms=5")
    yield BadRequest("unknown task", b"", {}, "/v1/variants?task=dance", "GET")
