from __future__ import annotations

import pytest

from loadtests.kit.bars import Bar, any_missed


@pytest.mark.parametrize(
    ("measured", "at_least", "verdict"),
    [
        (1.05, False, "ok"),
        (1.0501, False, "short"),
        (1.05, True, "ok"),
        (1.0499, True, "short"),
        (None, True, "not-run"),
        (None, False, "not-run"),
    ],
)
def test_a_bar_holds_at_its_limit(measured: float | None, at_least: bool, verdict: str) -> None:
    assert Bar("name", measured, 1.05, at_least).verdict == verdict


def test_a_bar_is_one_line() -> None:
    assert Bar("a.b", 1.0, 1.05, False, "3 pairs").line() == "BAR a.b 1.000 <=1.05 ok (3 pairs)"
    assert Bar("a.b", None, 0.97, True, "why").line() == "BAR a.b - >=0.97 not-run (why)"


def test_the_record_has_evidence_only_if_there_is_any() -> None:
    assert Bar("a", 0.12345, 1.0, True).record() == {
        "name": "a",
        "measured": 0.1235,
        "limit": 1.0,
        "at_least": True,
        "verdict": "short",
        "spread": "",
    }
    assert Bar("a", None, 1.0, True, "why", {"pairs": 3}).record()["evidence"] == {"pairs": 3}


@pytest.mark.parametrize(
    ("interval", "at_least", "verdict"),
    [
        ((1.05, 1.2), True, "ok"),
        ((1.0, 1.2), True, "unclear"),
        ((1.0, 1.0499), True, "short"),
        ((0.9, 1.05), False, "ok"),
        ((0.9, 1.06), False, "unclear"),
        ((1.06, 1.2), False, "short"),
    ],
)
def test_a_bar_with_an_interval_is_ok_only_if_all_of_it_clears_the_limit(
    interval: tuple[float, float], at_least: bool, verdict: str
) -> None:
    bar = Bar("name", 1.05, 1.05, at_least, "note", interval=interval)
    assert bar.verdict == verdict
    assert f"{verdict} (95 % {interval[0]:.3f} to {interval[1]:.3f}; note)" in bar.line()
    assert bar.record()["interval"] == [round(end, 4) for end in interval]


def test_what_is_unclear_does_not_count_as_ok() -> None:
    ok, absent = Bar("a", 2.0, 1.0, True), Bar("b", None, 1.0, True)
    assert not any_missed([ok, absent])
    assert any_missed([ok, Bar("c", 0.5, 1.0, True)])
    assert any_missed([ok, Bar("c", 2.0, 1.0, True, interval=(0.5, 3.0))])
