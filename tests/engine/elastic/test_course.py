from __future__ import annotations

import pytest

from engine.elastic.course import Course, Stop, chains
from tests.engine.elastic.routes import PATTERNS, QUALITY, two_stops


def test_chains_are_the_allowed_prefixes_of_each_end() -> None:
    assert chains(PATTERNS, QUALITY, ["d2", "d3", "d6"]) == (("d2", "d3", "d6"),)
    assert chains(PATTERNS, QUALITY, ["d2", "d3", "p", "d6"]) == (("d2", "d3", "d6"), ("p",))
    assert chains(PATTERNS, QUALITY, ["full", "d2", "d3"]) == (("d2", "full"), ("d2", "d3"))
    with pytest.raises(ValueError, match="no variant"):
        chains(PATTERNS, QUALITY, [])


def test_a_deeper_variant_that_is_no_better_is_no_stop() -> None:
    assert chains(PATTERNS, {**QUALITY, "d3": 49.0}, ["d2", "d3", "d6"]) == (("d2", "d6"),)
    assert chains(PATTERNS, {**QUALITY, "full": 49.0}, ["d2", "full"]) == (("d2",),)


def test_a_course_ends_at_its_last_stop() -> None:
    calls = (("stem[vqa]", 8), ("block[0]", 8))
    with pytest.raises(ValueError, match="end with the last call"):
        Course(calls, (None, 0), (Stop(1, "d1", 1.0),), ("head[vqa]", 0))
    with pytest.raises(ValueError, match="its order"):
        Course(calls, (None,), (Stop(2, "d1", 1.0),), ("head[vqa]", 0))


def test_times_to_the_next_stop() -> None:
    found = two_stops()
    assert found.fixed_s[0] == pytest.approx(0.3e-3 + 3 * 0.15e-3)
    assert found.row_s[3] == pytest.approx(3 * 0.07e-3)
    assert found.banked(4).variant == "d2"
    with pytest.raises(ValueError, match="no stop"):
        found.banked(2)
