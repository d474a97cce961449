"""JSON bodies are bounded before they are parsed, and pictures in them are read in slices."""

from __future__ import annotations

import base64
import json
import time
import tracemalloc

import numpy as np
import pytest
from pydantic import ValidationError

from engine.types import Budget
from pictures.errors import ImageError
from server.errors import InvalidFields, MalformedBody, RemoteUrlRefused, ServerError
from server.requests.budget import BudgetDefaults
from server.requests.fields import MOST_ERRORS
from server.requests.json_pictures import picture_bytes
from server.requests.json_scan import (
    LIMIT_DEPTH,
    LIMIT_TEXT_BYTES,
    OWN_LIMITS,
    SLICE_BYTES,
    JsonString,
    scan_json,
)
from server.requests.reader import RequestReader
from server.tasks import SERVED_TASKS
from server.tasks.vqa import SERVED_VQA
from tests.server.kit import sample_pictures

READER = RequestReader(40_000_000, BudgetDefaults("degrade"))
HEADERS = {"content-type": "application/json"}
PICTURE = sample_pictures.noisy("PNG", (300, 200))
"""Its base64 is longer than a slice."""
BASE64 = base64.b64encode(PICTURE).decode()
assert len(BASE64) > 2 * SLICE_BYTES


def read(body: str | bytes) -> bytes:
    data = body.encode() if isinstance(body, str) else body
    checked = READER.read(SERVED_VQA.shape, data, HEADERS)
    assert isinstance(checked.budget, Budget)
    assert checked.fields.asked == ["what?"]
    return bytes(checked.pictures[0].data)


def asking(image: str) -> str:
    return json.dumps({"image": image, "question": "what?"})


def wrapped(width: int) -> str:
    return "\n".join(BASE64[at : at + width] for at in range(0, len(BASE64), width))


@pytest.mark.parametrize(
    "body",
    [
        asking(BASE64),
        asking("data:image/png;base64," + BASE64),
        asking(" \r\n\t" * 30_000 + BASE64 + " " * 100_000),
        asking(wrapped(76)),
        asking(wrapped(1)),
        asking(BASE64).replace("/", "\\/"),
        asking("data:image/png;base64," + wrapped(76)).replace("/", "\\/"),
        asking(BASE64).replace(BASE64, "".join(f"\\u{ord(c):04x}" for c in BASE64)),
        json.dumps({"question": "what?", "budget": {"max_latency_ms": 5}, "image": BASE64}),
        json.dumps({"image": "AA==", "question": "what?"})[:-1] + f', "image": "{BASE64}"}}',
        f'{{ "image" :\n "{BASE64}" , "question" : "what?" }}',
    ],
)
def test_a_pictures_text_is_read_however_it_is_written(body: str) -> None:
    assert read(body) == PICTURE


def test_slices_cut_escapes_and_groups_anywhere() -> None:
    rng = np.random.default_rng(5)
    for size in range(SLICE_BYTES - 9, SLICE_BYTES + 9):
        data = rng.integers(0, 256, size * 3 // 4, np.uint8).tobytes()
        text = base64.b64encode(data).decode()
        for escaped in (text.replace("/", "\\/"), text[:-8] + "\\u000a" + text[-8:], "\\n" + text):
            string = JsonString(memoryview(escaped.encode()), escaped=True)
            assert picture_bytes(string, "image") == data


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (BASE64 + "=", InvalidFields),
        (BASE64[:-1], InvalidFields),
        ("AA==" + BASE64, InvalidFields),
        (BASE64[:SLICE_BYTES] + "!" + BASE64[SLICE_BYTES:], InvalidFields),
        (" " * 200_000, InvalidFields),
        ("é" * 50_000, InvalidFields),
        ("http://x/" + BASE64, RemoteUrlRefused),
        ("//x/" + BASE64, RemoteUrlRefused),
        ("data:text/html;base64," + BASE64, InvalidFields),
    ],
)
def test_what_is_no_picture_is_refused(text: str, error: type[ServerError]) -> None:
    with pytest.raises(error, match="image"):
        read(asking(text))


def test_a_control_character_must_be_escaped() -> None:
    with pytest.raises(InvalidFields, match="base64"):
        read(asking("@").replace("@", BASE64[:40_000] + "\n" + BASE64[40_000:]))


def test_only_pictures_are_set_aside() -> None:
    long = "w " * 20_000
    for document in (
        {"image": "AA==", "question": long},
        {"image": "AA==", "budget": {"variant": long}},
        {"image": "AA==", "questions": [long]},
    ):
        scanned = scan_json(json.dumps(document).encode())
        assert not scanned.held
        assert json.loads(scanned.text) == document
    scanned = scan_json(json.dumps({"images": [BASE64, BASE64], "statement": "s"}).encode())
    assert len(scanned.held) == 2
    assert len(scanned.text) < 200


def test_a_body_at_a_limit_passes_and_one_beyond_does_not() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    def listed(marks: int) -> bytes:  # two brackets, and a comma before all entries but the first
        return b"[" + b",".join([b"0"] * (marks - 1)) + b"]"

    assert scan_json(nested(LIMIT_DEPTH)).text == nested(LIMIT_DEPTH)
    assert scan_json(listed(OWN_LIMITS.items)).text == listed(OWN_LIMITS.items)
    assert scan_json(b" " * LIMIT_TEXT_BYTES).text == b" " * LIMIT_TEXT_BYTES
    with pytest.raises(MalformedBody, match="deep"):
        scan_json(nested(LIMIT_DEPTH + 1))
    with pytest.raises(InvalidFields, match="200"):
        scan_json(listed(OWN_LIMITS.items + 1))
    with pytest.raises(InvalidFields, match="800000"):
        scan_json(b" " * (LIMIT_TEXT_BYTES + 1))


def keys(size_bytes: int) -> bytes:
    pairs = ",".join(f'"{index:x}":0' for index in range(size_bytes // 10))
    return ('{"image":"AA==","question":"q",' + pairs + "}").encode()


BOMBS = {
    "keys": keys(10_000_000),
    "depth": b'{"a":' * 2_000_000,
    "strings": b"[" + b'"",' * 3_000_000,
    "quotes": b'"' * 10_000_000,
    "ends": b"}" * 10_000_000,
    "escape cut off": b'{"image":"' + b"A" * 100_000 + b"\\",
    "one string": b'{"question":"' + b"\\n" * 5_000_000 + b'"}',
    "unended string": b'{"image":"' + b"A" * 10_000_000,
    "number": b'{"top_k":' + b"9" * 700_000 + b"}",
    "white space in base64": asking("AA " * 3_000_000).encode(),
    "base64 of nothing": asking("AAAA" * 2_000_000).encode(),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_made_to_cost_costs_little(name: str) -> None:
    body = BOMBS[name]
    started_s = time.process_time()
    with pytest.raises((ServerError, ImageError)) as caught:
        read(body)
    assert time.process_time() - started_s < 0.5
    if isinstance(caught.value, InvalidFields):
        assert len(caught.value.problems) <= 20
    tracemalloc.start()
    with pytest.raises((ServerError, ImageError)):
        read(body)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes <= len(body) + 2_000_000


@pytest.mark.parametrize(
    "body",
    [
        {f"k{index}": 0 for index in range(16)},
        {"images": "AA==", "budget": {f"k{index}": 0 for index in range(14)}},
        {"image": "AA==", "questions": [0] * 100},
        {"image": "AA==", "questions": [{"q": 0}] * 14},
    ],
)
def test_no_more_errors_are_built_than_are_shown(body: object) -> None:
    scanned = scan_json(json.dumps(body).encode())
    for served in SERVED_TASKS.values():
        with pytest.raises(ValidationError) as caught:
            served.shape.json.model_validate_json(scanned.text)
        assert 0 < caught.value.error_count() <= MOST_ERRORS


def test_a_body_with_too_many_fields_is_refused() -> None:
    with pytest.raises(InvalidFields, match="16 fields"):
        scan_json(json.dumps({f"k{index}": 0 for index in range(17)}).encode())
