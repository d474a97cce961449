"""A request's latency budget, found in its body before that is parsed."""

from __future__ import annotations

import re

_NAME = b'"max_latency_ms"'
_NUMBER = rb"([0-9]{1,9}(?:\.[0-9]{1,9})?)"
_VALUE = re.compile(_NAME + rb"(?:[ \t\r\n]*:[ \t\r\n]*|\r\n\r\n)" + _NUMBER)
_MOST_BYTES = 64 * 2**10


def hinted_latency_s(body: bytes | bytearray) -> float | None:
    """Return the budget that the first 64 kB of a JSON body or a form seem to name; None: none.

    A wrong one only lets a request wait too long, or not at all: it is checked when it is parsed.
    """
    at = body.find(_NAME, 0, _MOST_BYTES)
    found = _VALUE.match(body, at) if at >= 0 else None
    limit_ms = 0.0 if found is None else float(found[1])
    return limit_ms / 1e3 if limit_ms > 0 else None
