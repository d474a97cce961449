"""Dashboards are what the generator gives, and ask for what there is."""

from __future__ import annotations

from typing import Any

import promql_parser
import pytest
import yaml

from deploy.grafana.generate import dashboards
from tests.deploy.boards import GRAFANA, NAMES, Query, board, panels, queries
from tests.deploy.test_rules import RECORDS, exported, series_named

QUERY_KEYS = {"datasource", "expr", "format", "instant", "legendFormat", "range", "refId"}
"""What Grafana reads of a query to Prometheus; its npm types leave that out."""

PROVISIONING = GRAFANA / "provisioning"


def test_the_committed_json_is_what_the_generator_gives() -> None:
    made = dashboards()
    assert tuple(made) == NAMES
    assert {path.stem for path in (GRAFANA / "dashboards").iterdir()} == set(NAMES)
    for name, text in made.items():
        committed = (GRAFANA / "dashboards" / f"{name}.json").read_text("utf-8")
        assert committed == text, f"{name}: run make dashboards"


@pytest.mark.parametrize("query", [*queries()], ids=lambda query: f"{query.board}-{query.panel}")
def test_every_query_parses_and_names_what_is_there(query: Query) -> None:
    text = query.filled("1m")
    promql_parser.parse(text)
    named = series_named(text)
    assert named <= exported() | {rule["record"] for rule in RECORDS}
    assert named or text.startswith("vector(")


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_and_asks_the_chosen_source(name: str) -> None:
    for panel in panels(name):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["datasource"] == {"type": "prometheus", "uid": "$datasource"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(refs) == len(set(refs)) > 0
        for target in panel["targets"]:
            assert set(target) <= QUERY_KEYS
            assert target["datasource"] == panel["datasource"]


def box(panel: dict[str, Any]) -> set[tuple[int, int]]:
    at = panel["gridPos"]
    return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_numbers_and_places_of_their_own(name: str) -> None:
    found = board(name)
    numbers = [panel["id"] for panel in found["panels"]]
    assert len(numbers) == len(set(numbers))
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        places = box(panel)
        assert not places & taken, panel["title"]
        assert max(x for x, _ in places) < 24
        taken |= places
    width, heights = 24, {y for _, y in taken}
    assert len(taken) == width * len(heights)  # no holes


@pytest.mark.parametrize("name", NAMES)
def test_variables_are_declared_before_they_are_used(name: str) -> None:
    declared = [variable["name"] for variable in board(name)["templating"]["list"]]
    assert declared == ["datasource", "job", "instance"]
    assert board(name)["uid"] == f"otmv-{name}"


def test_the_papers_methods_stand_beside_ours() -> None:
    bars = [panel for panel in panels("table4") if panel["type"] == "barchart"]
    assert len(bars) == 3
    for panel in bars:
        paper, ours = (target["expr"] for target in panel["targets"])
        assert 'source="paper"' in paper
        assert 'source="live"' in ours
        (_, organize) = panel["transformations"]
        names = organize["options"]["renameByName"]
        assert names == {"Value #A": "paper", "Value #B": "ours, live"}


def test_grafana_is_given_the_source_and_the_folder() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yaml").read_text())[
        "datasources"
    ]
    scrape = yaml.safe_load((GRAFANA.parent / "prometheus" / "prometheus.yml").read_text())
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == scrape["global"]["scrape_interval"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "otmv.yaml").read_text())[
        "providers"
    ]
    assert provider["type"] == "file"
    assert provider["options"]["path"].startswith("/var/lib/grafana")
