"""Table 4 from live traffic: a real server, a real Prometheus, the real command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from artifact.task import TaskName
from loadtests.table4.ledger import Ledger
from monitoring import table4
from monitoring.prometheus import Prometheus, QueryRefused
from monitoring.promql import Scope
from monitoring.table4 import COLUMNS
from tests.e2e.prometheus import scraping
from tests.loadtests.table4.tiny_gallery import GALLERY_METHODS, write_gallery
from tests.server.kit.live_server import run_otmv, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

VARIANTS = set(GALLERY_METHODS)


@dataclass(frozen=True)
class Run:
    """What `otmv bench table4 --drive … --from-prometheus …` said, and where to ask again."""

    task: TaskName
    prometheus: str
    code: int
    out: str
    found: dict[str, Any]
    ledger: Path

    @property
    def relative(self) -> dict[str, float]:
        rows = self.found["rows"]
        return {row["method"]: row["relative"] for row in rows if row["task"] == self.task}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Serve a gallery, scraped by a Prometheus; yield the addresses of both."""
    folder = tmp_path_factory.mktemp("table4")
    write_gallery(folder / "gallery")
    with (
        serving(folder / "gallery", folder / "cache", OTMV_MAX_BATCH="4") as server,
        scraping(server.url, folder / "prometheus") as prometheus,
    ):
        yield server.url, prometheus


@pytest.fixture(scope="module", params=COLUMNS)
def driven(
    request: pytest.FixtureRequest,
    live: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    url, prometheus = live
    folder = tmp_path_factory.mktemp(request.param)
    ledger, results = folder / "run.json", folder / "live.json"
    code, out, errors = run_otmv(
        *("bench", "table4", "--drive", url, "--task", request.param, "--seconds", 8),
        *("--from-prometheus", prometheus, "--ledger", ledger, "--json", results),
    )
    assert results.is_file(), errors
    return Run(request.param, prometheus, code, out, json.loads(results.read_text()), ledger)


def test_the_counters_are_the_clients(driven: Run) -> None:
    ledger = Ledger.read(driven.ledger)
    assert driven.code == 0, driven.out
    assert "BAR table4.prometheus.counters 0.000 <=0.05 ok" in driven.out
    assert ledger.task == driven.task
    assert set(ledger.variants) == VARIANTS
    assert len({count.answered for count in ledger.variants.values()}) == 1
    assert not any(count.refused for count in ledger.variants.values())
    (bar,) = driven.found["bars"]
    for name, count in ledger.variants.items():
        assert count.pictures == count.answered * (2 if driven.task == "reason" else 1)
        assert bar["evidence"][name] == {"counted": count.pictures, "answered": count.pictures}


def test_every_method_has_its_speed_over_full(driven: Run) -> None:
    assert set(driven.relative) == VARIANTS
    assert driven.relative["full"] == 1.0
    assert driven.relative["otmv"] > driven.relative["vlpet"] > 0
    assert 1.0 <= driven.found["rows_per_step"] <= 4.0
    assert all(0 < words <= 8 for words in driven.found["words_per_caption"].values())
    ledger = Ledger.read(driven.ledger)
    shown = {row["method"]: row["pictures"] for row in driven.found["rows"]}
    assert shown == {name: count.pictures for name, count in ledger.variants.items()}


def test_a_window_without_a_ledger_says_the_same(driven: Run, tmp_path: Path) -> None:
    results = tmp_path / "window.json"
    asked = ("bench", "table4", "--from-prometheus", driven.prometheus, "--window", "2m")
    code, out, _ = run_otmv(*asked, "--json", results)
    assert (code, "BAR" in out) == (0, False)
    rows = json.loads(results.read_text())["rows"]
    of_task = {row["method"]: row["relative"] for row in rows if row["task"] == driven.task}
    assert of_task == pytest.approx(driven.relative, rel=0.1)


@pytest.mark.parametrize(("factor", "code", "verdict"), [(1.01, 0, "ok"), (1.5, 1, "short")])
def test_the_direct_measurement_is_held_against_it(
    factor: float, code: int, verdict: str, driven: Run, tmp_path: Path
) -> None:
    direct = tmp_path / "table4.json"
    ratios = {name: value * factor for name, value in driven.relative.items() if name != "full"}
    rows = [{"task": driven.task, "method": name, "ratio": [0, v, 0]} for name, v in ratios.items()]
    direct.write_text(json.dumps({"rows": rows}))
    asked = ("bench", "table4", "--from-prometheus", driven.prometheus, "--ledger", driven.ledger)
    ended, out, _ = run_otmv(*asked, "--direct", direct)
    assert ended == code
    lines = [
        line
        for line in out.splitlines()
        if line.startswith(f"BAR table4.prometheus.{driven.task}.")
    ]
    assert len(lines) == len(VARIANTS) - 1
    assert all(f" {verdict} " in line for line in lines)


def test_every_query_is_promql_and_the_idle_are_absent(driven: Run) -> None:
    with Prometheus(driven.prometheus) as prometheus:
        for query in (table4.throughput_over_full, table4.pictures, table4.rows_per_step):
            assert prometheus.values(query(Scope("1m")), at_s=1e9) == []
        words = prometheus.values(table4.words_per_caption(Scope("10m")))
        assert {each.labels["variant"] for each in words} == (
            VARIANTS if driven.task == "caption" else set()
        )
        found = prometheus.scraped(table4.scraped_pictures(driven.task, "10m"))
        assert {each.labels["variant"] for each in found} == VARIANTS
        assert all(len(each.points) > 2 for each in found)
        with pytest.raises(QueryRefused, match="400"):
            prometheus.values("sum by (")
