"""W3C Trace Context: what is valid is continued, everything else is as if it had not been sent."""

from __future__ import annotations

import pytest

from server.observing.trace_context import TraceContext, read_trace_context

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (VALID, True),
        (f" {VALID}\t", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-fe", False),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"cc-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-what-the-future-brings", True),
    ],
)
def test_a_callers_trace_is_read(header: str, sampled: bool) -> None:
    assert read_trace_context([header]) == TraceContext(TRACE, PARENT, sampled)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ["nonsense"],
        [VALID, VALID],
        [f"{VALID},{VALID}"],
        [VALID.upper()],
        [VALID[:-1]],
        [VALID + "0"],
        [VALID + "-more"],
        [f"cc-{TRACE}-{PARENT}-01.more"],
        [f"ff-{TRACE}-{PARENT}-01"],
        [f"00-{'0' * 32}-{PARENT}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE[:-1]}g-{PARENT}-01"],
        [f"00_{TRACE}_{PARENT}_01"],
        [f"00-{TRACE}-{PARENT}-01\n"],
        [f"00-{TRACE}-{PARENT}"],
        [f"00-{'٤' * 32}-{PARENT}-01"],
    ],
)
def test_what_is_malformed_is_ignored(headers: list[str]) -> None:
    assert read_trace_context(headers) is None


def test_state_comes_along_in_order_and_alone_means_nothing() -> None:
    found = read_trace_context([VALID], ["a=1,b=2", "c=3"])
    assert found is not None
    assert found.state == "a=1,b=2,c=3"
    assert read_trace_context([], ["a=1"]) is None
    endless = read_trace_context([VALID], ["a=" + "x" * 600])
    assert endless is not None
    assert endless.state == ""
