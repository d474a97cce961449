from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.simulate.arrivals import (
    TraceError,
    gamma_arrivals,
    ramp_arrivals,
    trace_arrivals,
)


@pytest.mark.parametrize("cv2", [1.0, 2.0, 4.0, 8.0])
def test_arrivals_are_seeded_and_have_the_rate(cv2: float) -> None:
    first = gamma_arrivals(500, 20, cv2, seed=3)
    assert first == gamma_arrivals(500, 20, cv2, seed=3) != gamma_arrivals(500, 20, cv2, seed=4)
    assert first == sorted(first)
    assert len(first) == pytest.approx(10_000, rel=0.1)


def test_a_ramp_has_more_arrivals_at_its_high_end() -> None:
    times = ramp_arrivals(100, 900, 10, seed=0)
    assert sum(time > 5 for time in times) / len(times) == pytest.approx(0.7, abs=0.03)


def test_a_trace_starts_at_zero_and_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "trace.txt"
    path.write_text("# seconds\n5.5\n5.0\n9.0\n")
    assert trace_arrivals(path, 3.0) == [0.0, 0.5]
    for text in ("", "one\n", "nan\n"):
        path.write_text(text)
        with pytest.raises(TraceError, match="one time in seconds per line"):
            trace_arrivals(path, 3.0)
