"""Budgets that are out of range, in bodies and in headers."""

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

NO_DECIMALS = (
    "1_0",
    "1__0",
    "0_1",
    "1e1_0",
    "1 0",
    "--1",
    "1.2.3",
    ".",
    "e5",
    "infinity",
    "\u00b2",
    "\u0663",
    "1\u00b2",
    "\u00a01",
)
"""What some languages or libraries take for a number in a text."""


def budgets() -> Iterator[BadRequest]:
    numbers: tuple[Any, ...] = (0, -1, -0.5, 1e300, 10**40, "5", True, [], {})
    for field_name in ("max_latency_ms", "max_memory_mb", "min_quality"):
        for value in numbers:
            yield json_request(f"{field_name} {value!r}", vqa_document(budget={field_name: value}))
        for word in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999"):
            text = json.dumps(vqa_document(budget={field_name: 0})).replace(": 0}", f": {word}}}")
            yield BadRequest(f"{field_name} {word}", text.encode(), JSON_TYPE)
    yield json_request("min_quality above 1", vqa_document(budget={"min_quality": 1.01}))
    for value in (-0.01, 1.01, 1e300, "0.5", True, [], {}):
        budget = {"min_on_time_probability": value}
        yield json_request(f"min_on_time_probability {value!r}", vqa_document(budget=budget))
    for value in ("", "no-such-variant", "../etc/passwd", "a b", "x" * 65, "<d6>", 6, [], "d6\n"):
        yield json_request(f"variant {value!r}", vqa_document(budget={"variant": value}))
    for value in ("", "DEGRADE", "ignore", 1, True, ["reject"]):
        yield json_request(f"on_miss {value!r}", vqa_document(budget={"on_miss": value}))
    for value in (None, 5, "d6", [], [{}]):
        yield json_request(f"budget is {value!r}", vqa_document(budget=value))
    yield json_request("unknown budget field", vqa_document(budget={"max_latency_s": 1}))
    yield json_request(
        "caption unknown budget field", {"image": GOOD_IMAGE, "budget": {"x": 1}}, CAPTION
    )
    yield json_request("memory below every variant", vqa_document(budget={"max_memory_mb": 1e-6}))


def budget_headers() -> Iterator[BadRequest]:
    body = json.dumps(vqa_document()).encode()
    numeric = ("X-Otmv-Max-Latency-Ms", "X-Otmv-Max-Memory-Mb", "X-Otmv-Min-Quality")
    for name in numeric:
        for value in ("0", "-1", "nan", "inf", "1e999", "five", "", "0x10", "1,5", *NO_DECIMALS):
            sent = value if value.isascii() else value.encode()  # a client sends no other text
            yield BadRequest(f"{name}: {value!r}", body, {**JSON_TYPE, name: sent})
    for name, value in (
        ("X-Otmv-Min-On-Time-Probability", "1.01"),
        ("X-Otmv-Min-On-Time-Probability", "-0.1"),
        ("X-Otmv-Min-On-Time-Probability", "nan"),
        ("X-Otmv-Min-On-Time-Probability", ""),
        ("X-Otmv-On-Miss", "maybe"),
        ("X-Otmv-Variant", "no such"),
        ("X-Otmv-Variant", "nosuchvariant"),
        ("X-Otmv-Latency", "5"),
        ("X-Otmv-Max-Latency-S", "5"),
    ):
        yield BadRequest(f"{name}: {value}", body, {**JSON_TYPE, name: value})
