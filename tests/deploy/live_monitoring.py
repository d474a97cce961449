"""A real Prometheus scrapes a real server under load: `make monitoring-test`.

The default run does not collect this file: it takes about a minute and needs Debian's `prometheus`.
Alerts wait no time here. OtmvPredictionDrift is left to promtool: the correction that is learned
online takes away whatever a test could do to the predictions.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

from artifact.manifest import MANIFEST_NAME
from monitoring import table4
from monitoring.prometheus import Prometheus, TimeSpan
from monitoring.promql import Scope
from tests.deploy.boards import Query, queries
from tests.deploy.test_rules import PROMETHEUS, ROOT
from tests.e2e.http_load import Post, closed_loop, open_loop
from tests.e2e.prometheus import program as prometheus_program
from tests.e2e.prometheus import running
from tests.server.kit.live_server import LiveServer, otmv, serving

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DEMO = ROOT / "examples" / "demo-artifact"
PICTURE = (ROOT / "examples" / "images" / "shapes.jpg").read_bytes()
WINDOW = "15s"
SCRAPE_S = 1
CALM_S, CROWDED_S, CROWDED_HZ = 12.0, 5.0, 120.0
PATIENCE_S = 30.0
BUDGETS: tuple[dict[str, str], ...] = (
    {},
    {"variant": "full"},
    {"variant": "d1"},
    {"variant": "d3"},
    {"max_latency_ms": "60"},
    {"max_latency_ms": "5"},
    {"max_latency_ms": "20", "on_miss": "reject"},
)


def post(path: str, fields: dict[str, str], pictures: int = 1) -> Post:
    files = [("image", ("picture.jpg", PICTURE))] * pictures
    request = httpx.Request("POST", f"http://server{path}", data=fields, files=files)
    return Post(path, request.headers["content-type"], request.read())


def posts(seed: int) -> Iterator[Post]:
    """Questions, captions and statements with every budget, in random order, without end."""
    question, statement = {"question": "what color is the cross?"}, {"statement": "both are red"}
    made = [post("/v1/vqa", question | budget) for budget in BUDGETS]
    made += [post("/v1/caption", budget) for budget in BUDGETS]
    made += [post("/v1/reason", statement | budget, pictures=2) for budget in BUDGETS]
    pick = random.Random(seed)
    while True:
        yield pick.choice(made)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for something that another process does."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.2)


@dataclass
class Watched:
    """A server that is scraped, under load from `began_s` to `loaded_s`, Unix seconds."""

    server: LiveServer
    prometheus: Prometheus
    began_s: float
    loaded_s: float

    def has_data(self, query: Query) -> bool:
        text = query.filled(WINDOW)
        if query.instant:
            return bool(self.prometheus.values(text, self.loaded_s))
        found = self.prometheus.range(text, TimeSpan(self.began_s, self.loaded_s, SCRAPE_S))
        return any(series.points for series in found)

    def firing(self) -> set[str]:
        found = httpx.get(f"{self.prometheus.url}/api/v1/alerts").json()["data"]["alerts"]
        return {each["labels"]["alertname"] for each in found if each["state"] == "firing"}


def configured(folder: Path, target: str) -> Path:
    """Write our own configuration and rules, quicker; return the configuration's path."""
    shutil.copytree(PROMETHEUS, folder)
    path = folder / "prometheus.yml"
    config = yaml.safe_load(path.read_text())
    config["global"] = {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"}
    path.write_text(yaml.safe_dump(config))
    (folder / "targets.yml").write_text(json.dumps([{"targets": [target]}]))
    alerts = yaml.safe_load((folder / "rules" / "alerts.yml").read_text())
    for rule in alerts["groups"][0]["rules"]:
        rule["for"] = "0s"
    (folder / "rules" / "alerts.yml").write_text(yaml.safe_dump(alerts))
    return path


def stage_bytes(cache: Path) -> float:
    """Return what the stages take without a budget; leaves a latency profile for later starts."""
    with serving(DEMO, cache, OTMV_MAX_BATCH="2") as server:
        page = httpx.get(f"{server.url}/metrics").text
        return sum(
            float(line.split()[1])
            for line in page.splitlines()
            if line.startswith("otmv_resident_bytes") and 'kind="requests"' not in line
        )


def loaded(server: LiveServer, prometheus: Prometheus) -> float:
    """Load the server, first as much as it can do, then more; return when all is scraped."""
    asyncio.run(closed_loop(server.address, posts(1), 3, CALM_S))
    asyncio.run(open_loop(server.address, posts(2), CROWDED_HZ, CROWDED_S, lambda since_s: None))
    page = httpx.get(f"{server.url}/metrics").text
    (steps,) = [
        line.split()[1] for line in page.splitlines() if line.startswith("otmv_step_rows_count")
    ]

    def seen() -> bool:
        found = prometheus.values("otmv_step_rows_count", time.time())
        return bool(found) and found[0].value >= float(steps)

    until(seen, "the last of the load is not scraped")
    audited = f"sum(increase(otmv_audited_answers_total[{WINDOW}])) > 0"
    before_s = 3 * SCRAPE_S  # panels are asked for every second up to the end
    until(lambda: bool(prometheus.values(audited, time.time() - before_s)), "none is audited")
    return time.time()


def with_agreement(folder: Path) -> Path:
    """Copy the demo; its variants say what agreement to expect, whether or not it does."""
    shutil.copytree(DEMO, folder)
    path = folder / MANIFEST_NAME
    manifest = json.loads(path.read_text("utf-8"))
    for variant in manifest["variants"]:
        variant.setdefault("agreement", {task: {"fp32": 0.5} for task in manifest["tasks"]})
    path.write_text(json.dumps(manifest), "utf-8")
    return folder


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("monitoring")
    prometheus_program()
    budget = round(1.02 * stage_bytes(folder / "cache"))
    limits = {
        "OTMV_QUEUE_LIMIT": "24",
        "OTMV_MAX_BATCH": "2",
        "OTMV_MEMORY_BUDGET": str(budget),
        "OTMV_AUDIT_SHARE": "1",
    }
    with serving(with_agreement(folder / "demo"), folder / "cache", **limits) as server:
        target = server.url.removeprefix("http://")
        with (
            running(configured(folder / "prometheus", target)) as url,
            Prometheus(url) as prometheus,
        ):
            began_s = time.time()
            yield Watched(server, prometheus, began_s, loaded(server, prometheus))


@pytest.mark.parametrize("query", [*queries()], ids=lambda query: f"{query.board}-{query.panel}")
def test_every_panel_has_data(watched: Watched, query: Query) -> None:
    assert watched.has_data(query), query.filled(WINDOW)


def test_the_recorded_ratio_is_the_one_of_the_report(watched: Watched) -> None:
    recorded = watched.prometheus.values(
        'otmv:throughput_over_full:ratio{source="live"}', watched.loaded_s
    )
    asked = watched.prometheus.values(
        table4.throughput_over_full(Scope("5m", by=("job",))), watched.loaded_s
    )
    ours = {(line.labels["task"], line.labels["variant"]): line.value for line in recorded}
    for line in asked:
        key = line.labels["task"], line.labels["variant"]
        assert ours[key] == pytest.approx(line.value, rel=0.2)
    assert {task for task, _ in ours} == {"vqa", "reason", "caption"}
    assert ours["vqa", "d1"] > 1.2
    assert ours["vqa", "full"] == 1


@pytest.mark.parametrize(
    "alert", ["OtmvSloBurnFast", "OtmvSloBurnSlow", "OtmvShedding", "OtmvMemoryBudgetNear"]
)
def test_an_overloaded_server_raises_an_alert(watched: Watched, alert: str) -> None:
    until(lambda: alert in watched.firing(), f"{alert} does not fire")
    assert "OtmvNotReady" not in watched.firing()


def test_the_report_shows_all_of_it(watched: Watched, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    url = watched.prometheus.url
    process = otmv(
        "report", "--from-prometheus", url, "--last", "2m", "--window", "15s", "--out", out
    )
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, f"wrote {out}\n"), errors
    text = out.read_text("utf-8")
    assert "nothing in this time" not in text
    for expected in ("OTMV", "1.63", "full", "d1", "refused", "on time"):
        assert expected in text


def test_a_server_that_is_gone_raises_an_alert(watched: Watched) -> None:
    """Last: it stops the server."""
    assert watched.server.stop() == 0
    until(lambda: "OtmvNotReady" in watched.firing(), "OtmvNotReady does not fire")
