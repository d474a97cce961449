"""W3C Trace Context: a caller's trace, read from its headers as the recommendation says.

https://www.w3.org/TR/trace-context-1/ (Recommendation, 23 November 2021). What is malformed is
ignored: the request then starts a trace of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_PARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FORBIDDEN_VERSION = "ff"
_MAX_STATE = 512


@dataclass(frozen=True)
class TraceContext:
    """Where a request stands in its caller's trace: lower-case hexadecimal ids, as on the wire.

    `state` is the caller's `tracestate`, unread; empty if there was none.
    """

    trace_id: str
    parent_id: str
    sampled: bool
    state: str = ""


def read_trace_context(parents: Sequence[str], states: Sequence[str] = ()) -> TraceContext | None:
    """Return the context of the `traceparent` and `tracestate` headers; None without a valid one.

    A later version than 00 may have more fields, which are not read (section 3.2.4).
    """
    if len(parents) != 1 or (found := _PARENT.fullmatch(parents[0].strip(" \t"))) is None:
        return None
    version, trace_id, parent_id, flags, more = found.groups()
    if version == _FORBIDDEN_VERSION or (version == "00" and more):
        return None
    if not int(trace_id, 16) or not int(parent_id, 16):
        return None
    state = ",".join(states)
    return TraceContext(
        trace_id, parent_id, bool(int(flags, 16) & 1), state if len(state) <= _MAX_STATE else ""
    )
