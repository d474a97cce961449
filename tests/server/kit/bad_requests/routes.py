"""Paths, methods and content types that are not served."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.server.kit.bad_requests.request import (
    CAPTION,
    JSON_TYPE,
    MAX_BODY_BYTES,
    REASON,
    VQA,
    BadRequest,
    vqa_document,
)


def content_types() -> Iterator[BadRequest]:
    body = json.dumps(vqa_document()).encode()
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


def routes() -> Iterator[BadRequest]:
    body = json.dumps(vqa_document()).encode()
    for path in ("/v0", "/v1", "/v1/vqaa", "/v3/vqa", "/v1/vqa/x", "/../etc/passwd", "/%00", "/é"):
        yield BadRequest(f"path {path}", body, JSON_TYPE, path, expected=(404,))
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        for path in (VQA, CAPTION, REASON):
            name = f"{method} {path}"
            yield BadRequest(name, b"", {}, path, method, expected=(405,))
    for path in ("/", "/docs", "/v1/variants", "/healthz", "/readyz", "/metrics"):
        yield BadRequest(f"POST {path}", body, JSON_TYPE, path, expected=(405,))
    yield BadRequest("query parameter", body, JSON_TYPE, f"{VQA}?max_latency_ms=5")
    yield BadRequest("unknown task", b"", {}, "/v1/variants?task=dance", "GET")
