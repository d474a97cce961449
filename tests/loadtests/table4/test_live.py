"""What the table makes of Prometheus' answers; a real one is asked in tests/e2e/test_table4.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from loadtests.kit.errors import BenchError
from loadtests.table4.ledger import Count, Ledger
from loadtests.table4.live import (
    Counted,
    LiveRow,
    LiveWindow,
    await_counted,
    check_window,
    counted,
    counters_bar,
    direct_bars,
    read_live,
    run_window,
    with_counted,
)
from loadtests.table4.live_report import live_facts
from monitoring import table4
from monitoring.prometheus import MetricSeries, NoData, Prometheus
from monitoring.promql import Scope

BEGUN_S, ENDED_S = 1000.0, 1060.0


def a_ledger(**pictures: int) -> Ledger:
    counts = {name: Count(count, count) for name, count in pictures.items()}
    return Ledger("http://server", "vqa", 8, 32, 0, BEGUN_S, ENDED_S, counts)


def series(variant: str, *points: tuple[float, float]) -> MetricSeries:
    return MetricSeries({"task": "vqa", "variant": variant, "instance": "a"}, points)


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> Prometheus:
    return Prometheus("http://prometheus/", httpx.MockTransport(answer))


def giving(kind: str, result: object) -> Prometheus:
    body = {"status": "success", "data": {"resultType": kind, "result": result}}
    return answering(lambda request: httpx.Response(200, json=body))


def test_no_traffic_is_no_data_with_the_way_out() -> None:
    with pytest.raises(NoData, match="no data of otmv_engine_busy_seconds_total for full in 5m"):
        read_live(giving("vector", []), "5m", 0.0)


def test_counters_are_taken_from_just_before_to_just_after_the_run() -> None:
    found = counted(
        [
            series("full", (990, 5), (999, 7), (1030, 20), (1061, 31), (1076, 40)),
            series("otmv", (1031, 10), (1061, 24)),
            series("otmv", (900, 3), (910, 3)),  # of a server that is gone
        ],
        a_ledger(full=24, otmv=24),
    )
    assert found == Counted({"full": 24.0, "otmv": 24.0}, 1061.0)
    assert run_window(a_ledger(), found) == "61s"
    bar = counters_bar(a_ledger(full=24, otmv=24), found)
    assert (bar.name, bar.measured, bar.verdict) == ("table4.prometheus.counters", 0.0, "ok")


def test_pictures_are_those_counted_where_the_run_was() -> None:
    live = a_live(full=1.0, otmv=1.5)
    other = replace(live, rows=(*live.rows, LiveRow("reason", "full", 7, 1.0, 1.0)))
    found = with_counted(other, "vqa", Counted({"full": 24.0, "otmv": 23.0}, 1061.0))
    assert [row.pictures for row in found.rows] == [24.0, 23.0, 7]


def test_a_run_that_was_not_scraped_yet_is_not_counted() -> None:
    ledger = a_ledger(full=24, otmv=24)
    assert counted([series("full", (1061, 24)), series("otmv", (1059, 24))], ledger) is None
    assert counted([series("full", (1061, 24))], ledger) is None


def test_the_scrape_after_the_run_is_waited_for_but_not_for_ever() -> None:
    waits: list[float] = []
    time_s = [ENDED_S]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time_s[0] += seconds

    def answer(request: httpx.Request) -> httpx.Response:
        points = [[1059, "20"]] if time_s[0] < 1065 else [[1059, "20"], [1064, "24"]]
        found = [{"metric": {"task": "vqa", "variant": "full"}, "values": points}]
        data = {"resultType": "matrix", "result": found}
        return httpx.Response(200, json={"status": "success", "data": data})

    def silent(what: str, share: float) -> None:
        pass

    def now_s() -> float:
        return time_s[0]

    found = await_counted(answering(answer), a_ledger(full=24), silent, now_s, sleep)
    assert found == Counted({"full": 24.0}, 1064.0)
    assert sum(waits) == pytest.approx(5.0)
    with pytest.raises(NoData, match=r"after the run of the ledger: let it scrape http://server/m"):
        await_counted(giving("matrix", []), a_ledger(full=24), silent, now_s, sleep)


def test_the_worst_variant_is_the_bar() -> None:
    ledger = a_ledger(full=100, otmv=100)
    bar = counters_bar(ledger, Counted({"full": 99.0}, 1061.0))
    assert (bar.measured, bar.verdict) == (1.0, "short")
    assert bar.spread == "worst otmv: 0 counted, 100 answered"
    assert counters_bar(ledger, Counted({"full": 99.0, "otmv": 104.0}, 0)).verdict == "ok"


def a_live(**relative: float) -> LiveWindow:
    rows = [LiveRow("vqa", name, 96, 20 * ratio, ratio) for name, ratio in relative.items()]
    return LiveWindow("60s", 1061.0, tuple(rows), 3.9, {})


def test_the_two_measurements_are_held_against_each_other() -> None:
    direct = {("vqa", "full"): 1.0, ("vqa", "otmv"): 1.6, ("reason", "upop"): 1.2}
    bars = direct_bars(a_live(full=1.0, otmv=1.5, upop=1.2), direct)
    (bar,) = bars  # full is both sides' one; upop was measured for another task only
    assert (bar.name, bar.verdict) == ("table4.prometheus.vqa.otmv", "short")
    assert bar.measured == pytest.approx(0.0625)
    assert bar.spread == "1.500 from Prometheus, 1.600 direct"
    assert direct_bars(a_live(full=1.0, otmv=1.64), direct)[0].verdict == "ok"


def test_the_file_names_the_query_and_the_ledger() -> None:
    found = live_facts(a_live(full=1.0, otmv=1.5, mine=1.1), {("vqa", "otmv"): 1.6}, a_ledger())
    assert found["promql"] == table4.throughput_over_full(Scope("60s"))
    assert found["ledger"]["begun_at_s"] == BEGUN_S
    rows = {row["method"]: row for row in found["rows"]}
    assert (rows["otmv"]["direct"], rows["otmv"]["paper"]) == (1.6, 1.63)
    assert (rows["mine"]["direct"], rows["mine"]["paper"]) == (None, None)


@pytest.mark.parametrize("window", ["5m", "90s", "1h30m", "1500ms"])
def test_windows_are_prometheus_own(window: str) -> None:
    check_window(window)


@pytest.mark.parametrize("window", ["", "5", "m", "5m]", "5 m"])
def test_a_wrong_window_is_reported(window: str) -> None:
    with pytest.raises(BenchError, match="as in 90s, 5m or 1h"):
        check_window(window)


def test_a_ledger_is_kept_and_another_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    ledger = a_ledger(full=3)
    ledger.write(path)
    assert Ledger.read(path) == ledger
    path.write_text(json.dumps({"rows": []}))
    with pytest.raises(BenchError, match="is no ledger of `otmv bench table4 --drive`"):
        Ledger.read(path)
    with pytest.raises(BenchError, match="write it with `otmv bench table4 --drive URL --ledger"):
        Ledger.read(tmp_path / "none.json")
