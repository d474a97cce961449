from __future__ import annotations

from engine.elastic.course import Course, Route, Stop
from engine.elastic.decide import decide
from engine.elastic.snapshot import RowView, Snapshot
from tests.engine.elastic.routes import family, line

DEPTHS = ["d2", "d3", "d6"]
CAPTION_CALLS = (("stem[caption]", 0), *[("block_decode[0]", 20)] * 60)
CAPTION = Route(Course(CAPTION_CALLS, (None,) * 61, (Stop(61, "full", 97.0),), None), line)


def question(number: int, deadline_s: float, position: int = 0, bucket: int = 8) -> RowView:
    (route,) = family(DEPTHS, keys=1, task="vqa", bucket=bucket)
    return RowView(number, route, deadline_s, deadline_s, position=position)


def caption(number: int, deadline_s: float, position: int = 20) -> RowView:
    return RowView(number, CAPTION, deadline_s, deadline_s, position=position)


def runs(rows: list[RowView], max_batch: int = 8) -> list[int]:
    run = decide(Snapshot(rows, max_batch), now=0.0).run
    assert run is not None
    return [row.id for row in run.rows]


def test_captions_under_way_do_not_keep_questions_out() -> None:
    captions = [caption(k, 30.0) for k in range(8)]
    assert runs([*captions, question(9, 30.0)]) == [9]


def test_a_caption_that_must_go_on_goes_first() -> None:
    needed_s = 41 * (0.15e-3 + 0.07e-3)
    assert runs([caption(1, 1.5 * needed_s), question(2, 30.0)]) == [1]
    assert runs([question(2, 1.2e-3), caption(1, 1.5 * needed_s)]) == [2]


def test_the_last_tenth_of_a_point_waits_for_a_caption() -> None:
    stops = (Stop(2, "most", 90.0), Stop(4, "all", 90.1))
    calls = (("stem[vqa]", 8), *[("block[0]", 8)] * 3)
    route = Route(Course(calls, (None, 0, 1, 2), stops, ("head[vqa]", 0)), line)
    assert runs([caption(1, 30.0), RowView(2, route, 30.0, 30.0, position=2)]) == [1]
    assert runs([caption(1, 30.0), RowView(2, route, 30.0, 30.0, position=1)]) == [2]


def test_questions_of_two_lengths_do_not_share_a_step() -> None:
    rows = [question(k, 30.0, position=3, bucket=8 * (1 + k % 2)) for k in range(6)]
    assert len(runs(rows)) == 3
