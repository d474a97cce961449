"""The latency budget is found in a body that is not parsed yet."""

from __future__ import annotations

import pytest

from server.front.latency_hint import hinted_latency_s


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"budget": {"max_latency_ms": 12.5}}', 0.0125),
        (b'{"max_latency_ms"\n:\t40}', 0.04),
        (b'Content-Disposition: form-data; name="max_latency_ms"\r\n\r\n250\r\n--x', 0.25),
        (b'{"question": "\\"max_latency_ms\\": 3"}', None),
        (b'{"max_latency_ms": null}', None),
        (b'{"max_latency_ms": 0}', None),
        (b"x" * 2**16 + b'"max_latency_ms": 3', None),
        (b"", None),
    ],
)
def test_a_budget_is_found_where_one_stands(body: bytes, found: float | None) -> None:
    assert hinted_latency_s(body) == found
