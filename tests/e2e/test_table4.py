"""Table 4 from live traffic: a real server, a real Prometheus, the real command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtests.table4 import promql
from loadtests.table4.ledger import Ledger
from loadtests.table4.prometheus import Prometheus, QueryRefused
from tests.e2e.prometheus import scraping
from tests.engine.tiny_artifact import write_tiny
from tests.server.live import run_otmv, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

VARIANTS = {"full", "d3", "d2", "d1"}


@dataclass(frozen=True)
class Run:
    """What `otmv bench table4 --drive … --from-prometheus …` said, and where to ask again."""

    prometheus: str
    code: int
    out: str
    found: dict[str, Any]
    ledger: Path

    @property
    def relative(self) -> dict[str, float]:
        return {row["method"]: row["relative"] for row in self.found["rows"]}


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("table4")
    write_tiny(folder / "tiny")
    with (
        serving(folder / "tiny", folder / "cache", OTMV_MAX_BATCH="4") as server,
        scraping(server.url, folder / "prometheus") as prometheus,
    ):
        ledger, results = folder / "run.json", folder / "live.json"
        code, out, errors = run_otmv(
            *("bench", "table4", "--drive", server.url, "--task", "vqa", "--seconds", 8),
            *("--from-prometheus", prometheus, "--ledger", ledger, "--json", results),
        )
        assert results.is_file(), errors
        yield Run(prometheus, code, out, json.loads(results.read_text()), ledger)


def test_the_counters_are_the_clients(driven: Run) -> None:
    ledger = Ledger.read(driven.ledger)
    assert driven.code == 0, driven.out
    assert "BAR table4.prometheus.counters 0.000 <=0.05 ok" in driven.out
    assert set(ledger.variants) == VARIANTS
    assert len({count.answered for count in ledger.variants.values()}) == 1
    assert not any(count.refused for count in ledger.variants.values())
    (bar,) = driven.found["bars"]
    for name, count in ledger.variants.items():
        assert bar["evidence"][name] == {"counted": count.pictures, "answered": count.pictures}


def test_every_variant_has_its_speed_over_full(driven: Run) -> None:
    assert set(driven.relative) == VARIANTS
    assert driven.relative["full"] == 1.0
    assert driven.relative["d1"] > 1.0  # one block instead of four
    assert 1.0 <= driven.found["rows_per_step"] <= 4.0
    ledger = Ledger.read(driven.ledger)
    for row in driven.found["rows"]:  # Prometheus does not see what lies before its first scrape
        assert row["pictures"] == pytest.approx(ledger.variants[row["method"]].pictures, rel=0.25)


def test_a_window_without_a_ledger_says_the_same(driven: Run, tmp_path: Path) -> None:
    results = tmp_path / "window.json"
    code, out, _ = run_otmv(
        "bench",
        "table4",
        "--from-prometheus",
        driven.prometheus,
        "--window",
        "2m",
        "--json",
        results,
    )
    assert (code, "BAR" in out) == (0, False)
    rows = json.loads(results.read_text())["rows"]
    assert {row["method"]: row["relative"] for row in rows} == pytest.approx(
        driven.relative, rel=0.1
    )


@pytest.mark.parametrize(("factor", "code", "verdict"), [(1.01, 0, "ok"), (1.5, 1, "short")])
def test_the_direct_measurement_is_held_against_it(
    factor: float, code: int, verdict: str, driven: Run, tmp_path: Path
) -> None:
    direct = tmp_path / "table4.json"
    ratios = {name: value * factor for name, value in driven.relative.items() if name != "full"}
    rows = [{"task": "vqa", "method": name, "ratio": [0, v, 0]} for name, v in ratios.items()]
    direct.write_text(json.dumps({"rows": rows}))
    asked = ("bench", "table4", "--from-prometheus", driven.prometheus, "--ledger", driven.ledger)
    ended, out, _ = run_otmv(*asked, "--direct", direct)
    assert ended == code
    lines = [line for line in out.splitlines() if line.startswith("BAR table4.prometheus.vqa.")]
    assert len(lines) == len(VARIANTS) - 1
    assert all(f" {verdict} " in line for line in lines)


def test_every_query_is_promql_and_the_idle_are_absent(driven: Run) -> None:
    with Prometheus(driven.prometheus) as prometheus:
        assert prometheus.values(promql.words_per_caption("1m")) == []
        assert prometheus.values(promql.relative("1m"), at_s=1e9) == []
        assert prometheus.values(promql.pictures("1m"), at_s=1e9) == []
        found = prometheus.scraped(promql.samples("vqa", "5m"))
        assert {each.labels["variant"] for each in found} == VARIANTS
        assert all(len(each.points) > 2 for each in found)
        with pytest.raises(QueryRefused, match="400"):
            prometheus.values("sum by (")
