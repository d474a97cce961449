from __future__ import annotations

import pytest

from loadtests.gpu.device.device import Device
from loadtests.gpu.device.profiling import covered
from loadtests.gpu.device.timing import Quartiles, ratios, rounds
from loadtests.gpu.suite.deadlines import TimeLimit


def test_quartiles() -> None:
    found = Quartiles.of([4.0, 1.0, 3.0, 2.0, 5.0])
    assert found == Quartiles(3.0, 2.0, 4.0, 5)
    assert Quartiles.of([7.0]) == Quartiles(7.0, 7.0, 7.0, 1)
    assert found.record(1e3) == {"median": 3000.0, "low": 2000.0, "high": 4000.0, "n": 5}
    with pytest.raises(ValueError, match="no values"):
        Quartiles.of([])


def test_ratios_are_taken_round_by_round() -> None:
    assert ratios([2.0, 40.0, 6.0], [1.0, 10.0, 2.0]) == Quartiles(3.0, 2.5, 3.5, 3)


@pytest.mark.parametrize(("seconds", "count"), [(-1.0, 3), (1000.0, 5)])
def test_there_are_as_many_rounds_as_time_allows(seconds: float, count: int) -> None:
    turns: list[str] = []
    calls = {name: lambda name=name: turns.append(name) or sum(range(40_000)) for name in "ab"}
    samples = rounds(Device("cpu"), calls, TimeLimit(seconds), most=5)  # type: ignore[arg-type]
    assert {name: len(times) for name, times in samples.items()} == {"a": count, "b": count}
    assert all(time > 0 for times in samples.values() for time in times)
    after_warming = "".join(turns[4:])
    assert after_warming.index("b") < after_warming.rindex("a"), "the first call rotates"


def test_the_union_of_spans() -> None:
    assert covered([(4.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.5)]) == (5.0, 6.0)
    assert covered([]) == (0.0, 0.0)
