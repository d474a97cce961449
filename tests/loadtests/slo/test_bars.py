from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from artifact.store import open_artifact
from exporters.quality import QualityCurve
from loadtests.kit.artifacts import CURVE
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.tree import stop_tree, tree, tree_cpu_s
from loadtests.slo import servers
from loadtests.slo.bars import not_run, own_bars, rival_bars
from loadtests.slo.client import LEFT, Reply, Sent
from loadtests.slo.report import cells_table, ground_record, row_record
from loadtests.slo.scoring import Score, judge, score
from loadtests.slo.sweep import GRID, Settings, Trial, best_of, read_settings, record
from loadtests.slo.visits import OURS, Ground, Row
from loadtests.slo.workload import FACTORS, Cell, Offer, bodies, class_budgets, draw

SOLO_S = 0.1
QUALITY = {"d3": 0.7, "full": 0.95}
GROUND = Ground(
    Path("family"), QUALITY, {"d3": {1: 30.0, 8: 40.0}, "full": {1: 10.0, 8: 12.5}}, SOLO_S
)


def answer(variant: str, ended_s: float, sent_s: float = 0.0) -> Reply:
    return Reply(sent_s, ended_s, 200, json.dumps({"answers": [{"variant": variant}]}))


def test_the_declared_curve_rises_with_depth_and_says_what_it_is() -> None:
    curve = QualityCurve.read(CURVE)
    found = [curve.at("vqa", depth) or 0.0 for depth in (3, 6, 9, 12)]
    assert found == sorted(set(found))
    assert "demo's measured" in curve.label
    demo = open_artifact(CURVE.parents[2] / "examples/demo-artifact", verify=False).manifest
    measured = {len(v.pattern) / 8: v.quality_of("vqa", "fp32") for v in demo.variants}
    assert {curve.at("vqa", depth): depth / 12 for depth in (3, 6, 12)} == {
        measured[share]: share for share in (0.25, 0.5, 1.0)
    }


def test_offers_are_seeded_sorted_and_their_classes_equal_in_number() -> None:
    cell = Cell(2.0, 4.0)
    offers = draw(cell, 12.5, 20.0, 3)
    assert offers == draw(cell, 12.5, 20.0, 3)
    assert offers != draw(cell, 12.5, 20.0, 4)
    assert [offer.at_s for offer in offers] == sorted(offer.at_s for offer in offers)
    counts = Counter(offer.factor for offer in offers)
    assert set(counts) == set(FACTORS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_body_holds_the_picture_and_the_budget_of_its_class() -> None:
    texts = bodies(class_budgets(SOLO_S), 0)
    assert texts == bodies(class_budgets(SOLO_S), 0)
    offer = Offer(0.0, 8, 5)
    body = json.loads(texts[offer.send.body])
    assert body["budget"] == {"max_latency_ms": 800.0, "on_miss": "reject"}
    same = json.loads(texts[Offer(0.0, 2, 5).send.body])
    assert (same["image"], same["question"]) == (body["image"], body["question"])
    with Image.open(io.BytesIO(base64.b64decode(body["image"]))) as image:
        assert image.format == "JPEG"


def test_latency_counts_from_the_intended_send_and_a_miss_is_a_miss() -> None:
    offers = [Offer(1.0, 2, 0) for _ in range(6)]
    problem = json.dumps({"type": "urn:otmv:problem:deadline-expired"})
    replies = [
        answer("full", 1.15),
        answer("full", 1.25, sent_s=1.2),  # quick once it was sent, but sent late
        Reply(1.0, 1.1, 504, problem),
        Reply(1.0, 1.1, 408, "too slow"),
        Reply(1.0, 5.0, LEFT, "TimeoutError"),
        Reply(1.0, 1.1, 500, "[]"),
    ]
    marks = judge(offers, replies, SOLO_S)
    assert [mark.miss for mark in marks] == [
        "",
        "late",
        "504 deadline-expired",
        "408",
        "TimeoutError",
        "500",
    ]
    assert marks[1].latency_s == pytest.approx(0.25)
    assert marks[1].late_send_s == pytest.approx(0.2)


def test_the_deadline_is_the_class_own() -> None:
    offers = [Offer(0.0, factor, 0) for factor in FACTORS]
    marks = judge(offers, [answer("d3", 0.5) for _ in offers], SOLO_S)
    assert [mark.miss for mark in marks] == ["late", "late", ""]


def test_a_score_adds_up() -> None:
    offers = [Offer(0.1, 2, 0), Offer(0.2, 4, 0), Offer(1.5, 8, 0), Offer(1.6, 8, 0)]
    replies = [
        answer("full", 0.2, sent_s=0.1015),
        answer("d3", 0.3, sent_s=0.2),
        answer("full", 9.0, sent_s=1.5),
        Reply(1.61, 1.7, 504, "{}"),
    ]
    sent = Sent(replies, 10.0, 0.5)
    found = score(judge(offers, replies, SOLO_S), QUALITY, 2.0, sent, 15.0)
    assert found.offered == 4
    assert found.attainment == 0.5
    assert found.effective == pytest.approx(100 * (0.95 + 0.7) / 4)
    assert found.goodput_hz == 1.0
    assert found.variants == {"d3": 1, "full": 1}
    assert found.misses == {"late": 1, "504": 1}
    assert found.timeline == [{"d3": 1, "full": 1}, {"miss": 2}]
    assert found.late_sends["over_1_ms"] == 2
    assert found.late_sends["over_5_ms"] == 1
    assert found.late_sends["max_ms"] == pytest.approx(10.0)
    assert (found.client_cpu, found.server_cpu) == (0.05, 1.5)
    assert found.classes["8x"]["offered"] == 2
    assert found.classes["8x"]["attainment"] == 0
    assert found.classes["8x"]["p50_ms"] == pytest.approx(7500)  # late, and counted; refused: not
    assert found.classes["2x"]["p99_ms"] == pytest.approx(100)


def test_nothing_offered_is_no_division_by_zero() -> None:
    found = score([], QUALITY, 1.0, Sent([], 1.0, 0.0), 0.0)
    assert (found.offered, found.attainment, found.effective) == (0, 0.0, 0.0)
    assert found.classes["2x"]["p50_ms"] is None


def row(side: str, variant: str, cell: Cell, effective: float, turn: int = 0) -> Row:
    share = effective / 100
    made = Score(100, share, effective, 1.0, {}, {}, {}, [{"full": 1}], {}, 0.0, 0.0)
    return Row(side, variant, turn, cell, made)


LOW, HIGH = Cell(0.5, 1.0), Cell(2.0, 1.0)
ROWS = [
    row(OURS, "", LOW, 90.0),
    row(OURS, "", LOW, 94.0, 1),
    row(OURS, "", LOW, 92.0, 2),
    row(OURS, "", HIGH, 80.0),
    row("mosec", "d3", LOW, 70.0),
    row("mosec", "d3", HIGH, 60.0),
    row("mosec", "full", LOW, 93.0),
    row("mosec", "full", HIGH, 20.0),
]


def by_name(bars: list[Bar]) -> dict[str, Bar]:
    return {bar.name.removeprefix("slo."): bar for bar in bars}


def test_bars_take_our_median_and_the_worst_cell() -> None:
    bars = by_name(rival_bars(ROWS, GROUND, "mosec"))
    full = bars["mosec.over-full"]  # only from load 1 on
    assert (full.measured, full.verdict) == (4.0, "ok")
    hindsight = bars["mosec.over-hindsight-best"]
    assert hindsight.measured == pytest.approx(92 / 93)
    assert hindsight.verdict == "short"
    assert LOW.name in hindsight.spread
    points = bars["mosec.points-over-best-fixed"]
    assert points.measured == pytest.approx((92 + 80) / 2 - (70 + 60) / 2)
    assert "d3" in points.spread


def test_a_rival_that_answers_nothing_makes_no_infinite_ratio() -> None:
    rows = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 0.0)]
    assert by_name(rival_bars(rows, GROUND, "ray"))["ray.over-full"].measured == 800.0


def test_a_bar_says_where_no_server_could_meet_it() -> None:
    busy = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 75.0)]
    bar = by_name(rival_bars(busy, GROUND, "ray"))["ray.over-full"]
    ceiling = 100 * GROUND.quality["full"] / 75.0
    assert ceiling < bar.limit
    assert f"no server could exceed {ceiling:.3f}" in bar.spread
    assert bar.evidence["no_server_could_exceed"] == {HIGH.name: round(ceiling, 4)}
    calm = [row(OURS, "", HIGH, 80.0), row("ray", "full", HIGH, 20.0)]
    assert "no server" not in by_name(rival_bars(calm, GROUND, "ray"))["ray.over-full"].spread


def test_own_bars_are_at_twice_the_load() -> None:
    bars = by_name(own_bars(ROWS, GROUND))
    assert bars["attainment-at-2x"].measured == 0.8
    assert bars["attainment-at-2x"].verdict == "short"
    assert bars["smallest-over-full-capacity"].measured == pytest.approx(40 / 12.5)


def test_bars_not_run_have_the_same_names_and_say_why() -> None:
    missed = not_run("mosec", "why")
    assert by_name(missed).keys() == by_name(rival_bars(ROWS, GROUND, "mosec")).keys()
    assert {(bar.verdict, bar.spread) for bar in missed} == {("not-run", "why")}


def test_the_file_holds_every_row_and_one_timeline_per_cell() -> None:
    found = [row_record(each) for each in ROWS]
    assert [("timeline" in each) for each in found] == [True, False, False, True, *[False] * 4]
    assert found[4] | {"side": "mosec", "variant": "d3", "load": 0.5, "cv2": 1.0} == found[4]
    assert json.loads(json.dumps(found)) == found
    assert ground_record(GROUND)["capacity_hz"] == 12.5
    assert cells_table("t", ROWS, GROUND).row_count == 2


def test_the_sweep_takes_the_most_effective_setting_and_is_read_back(tmp_path: Path) -> None:
    trials = [Trial(GRID[0], 10.0, 0.9), Trial(GRID[1], 30.0, 0.4), Trial(GRID[2], 30.0, 0.5)]
    assert best_of(trials) == GRID[1]
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(record({"mosec": trials})))
    assert read_settings(path, ["mosec"]) == {"mosec": GRID[1]}
    with pytest.raises(BenchError, match="otmv bench slo --sweep"):
        read_settings(path, ["ray"])
    with pytest.raises(BenchError, match="otmv bench slo --sweep"):
        read_settings(tmp_path / "none.json", ["ray"])
    assert len(set(GRID)) == len(GRID)
    assert isinstance(GRID[0], Settings)


def test_an_environment_that_lacks_a_rival_names_the_line_to_type(tmp_path: Path) -> None:
    assert servers.missing("mosec", tmp_path) == (
        "mosec is not installed: make .venv-rivals/.installed"
    )
    (tmp_path / "lib/python3.11/site-packages/mosec-0.9.8.dist-info").mkdir(parents=True)
    assert servers.missing("mosec", tmp_path) is None
    assert servers.version_in(tmp_path, "mosec") == "0.9.8"
    assert servers.missing("ray", tmp_path) is not None


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_tree_of_processes_is_counted_and_stopped() -> None:
    child = "print(1, flush=True); input()"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    members = tree(process.pid)
    assert [members[0].pid, members[1].parent] == [process.pid, process.pid]
    assert tree_cpu_s(process.pid) > 0
    stop_tree(process, 5.0)
    assert process.returncode is not None
    process.stdout.read()  # ends once nobody holds the pipe
    process.stdout.close()
