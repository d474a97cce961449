from __future__ import annotations

from typing import Any

import pytest

from loadtests.locust.errors import OptionError
from loadtests.locust.thresholds import check_scopes, read_threshold, with_default
from tests.loadtests.locust.made_up_marks import RUN


@pytest.mark.parametrize(
    ("kind", "text", "measured", "verdict"),
    [
        ("attainment", "0.5", 0.5, "ok"),
        ("attainment", "0.51", 0.5, "short"),
        ("attainment", "strict=0.1", 0.0, "short"),
        ("attainment", "spike=0.5", 0.0, "short"),
        ("attainment", "relaxed=0", None, "not-run"),
        ("p99-ms", "hurried=298", 298.0, "ok"),
        ("p99-ms", "297", 8738.0, "short"),
        ("error-share", "0.2", 1 / 6, "ok"),
        ("error-share", "interactive=0.9", 1.0, "short"),
    ],
)
def test_thresholds(kind: Any, text: str, measured: float | None, verdict: str) -> None:
    bar = read_threshold(kind, text).bar(RUN)
    assert bar.measured == (None if measured is None else pytest.approx(measured, abs=1))
    assert bar.verdict == verdict
    assert bar.line().startswith(f"BAR locust.{kind}")


@pytest.mark.parametrize("text", ["", "much", "-1", "1.5", "hurried=", "hurried=2"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--min-attainment"):
        read_threshold("attainment", text)


def test_no_request_may_fail_unless_something_is_said_about_errors() -> None:
    asked = [read_threshold("attainment", "0.9")]
    assert [bar.kind for bar in with_default(asked)] == ["attainment", "error-share"]
    said = read_threshold("error-share", "0.1")
    assert with_default([said]) == [said]


def test_a_scope_that_nothing_falls_into_is_refused() -> None:
    check_scopes([read_threshold("attainment", "spike=0.9")], ["before", "spike"])
    check_scopes([read_threshold("p99-ms", "hurried=900")], [])
    with pytest.raises(OptionError, match="'spike' is none of"):
        check_scopes([read_threshold("attainment", "spike=0.9")], ["steady"])
