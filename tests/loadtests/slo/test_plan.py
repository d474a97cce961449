from __future__ import annotations

from collections import Counter

from loadtests.slo.plan import EVERY_CELL, in_words, plan_visits, visit_s
from loadtests.slo.visits import OURS
from loadtests.slo.workload import Cell, CellLength

RIVALS = {
    "onnxruntime": {"litserve": ["d3", "full"], "ray": ["d3", "full"], "mosec": ["d3", "full"]},
    "openvino": {"openvino": ["d3", "full"]},
}


def test_every_side_is_visited_equally_often_in_turns() -> None:
    visits = plan_visits(RIVALS, 3)
    counts = Counter((v.backend, v.side, v.variant) for v in visits)
    assert set(counts.values()) == {3}
    assert len(counts) == 2 + 8
    assert [visit.turn for visit in visits] == sorted(visit.turn for visit in visits)
    assert len(set(visits)) == len(visits)


def test_ours_is_not_always_at_the_same_place() -> None:
    visits = [v for v in plan_visits(RIVALS, 3) if v.backend == "onnxruntime"]
    places = [[v.side for v in visits if v.turn == turn].index(OURS) for turn in range(3)]
    assert len(set(places)) == 3


def test_a_rivals_variants_go_from_deep_to_shallow() -> None:
    mosec = [v.variant for v in plan_visits(RIVALS, 2) if v.side == "mosec"]
    assert mosec == ["full", "d3"] * 2


def test_a_key_is_one_cells_alone() -> None:
    keys = [v.key(cell) for v in plan_visits(RIVALS, 3) for cell in EVERY_CELL]
    assert len(set(keys)) == len(keys)


def test_what_is_done_takes_no_time() -> None:
    cells, length = [Cell(0.5, 1.0), Cell(2.0, 1.0)], CellLength()
    assert visit_s([], 10.0, length) == 0
    assert visit_s(cells, 10.0, length) > visit_s(cells[:1], 10.0, length) > 44
    assert (in_words(200), in_words(3 * 3600 + 300)) == ("3 min", "3 h 05 min")


def test_a_full_run_fits_four_hours_on_two_cores() -> None:
    """With the capacities of two cores of an AMD EPYC, before any cell is left out."""
    variants = ["d3", "d6", "d9", "full"]
    rivals = {
        "onnxruntime": {name: variants for name in ("litserve", "ray", "mosec")},
        "openvino": {"openvino": variants},
    }
    capacities_hz = {"onnxruntime": 9.5, "openvino": 15.0}
    visits = plan_visits(rivals, 3)
    whole_s = sum(visit_s(EVERY_CELL, capacities_hz[v.backend], CellLength()) for v in visits)
    assert whole_s < 4 * 3600
