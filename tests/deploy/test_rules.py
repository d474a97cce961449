"""Rules and alerts: promtool's own tests, and what can be checked without it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from engine.telemetry import Telemetry
from models.comparators.methods import METHODS
from monitoring import promql, table4
from monitoring.promql import Scope
from tests.docs.test_docs import anchors, rows

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
OPERATIONS = ROOT / "docs" / "operations.md"
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")

PAPER = {  # supplement, Table 4: VQAv2, NLVR2, COCO captions
    "full": (1, 1, 1),
    "petadapter": (0.64, 0.66, 0.63),
    "lora": (1, 1, 1),
    "vladapter": (0.69, 0.72, 0.67),
    "vlpet": (0.60, 0.61, 0.59),
    "onceforall": (1.27, 1.30, 1.24),
    "matformer": (1.14, 1.17, 1.13),
    "flextron": (1.25, 1.26, 1.22),
    "efficientvlm": (1.47, 1.49, 1.45),
    "distillvlm": (1.16, 1.18, 1.14),
    "upop": (1.21, 1.23, 1.20),
    "otmv": (1.63, 1.65, 1.60),
}


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text("utf-8"))["groups"]:
            yield from group["rules"]


RECORDS = [rule for rule in rules() if "record" in rule]
ALERTS = [rule for rule in rules() if "alert" in rule]
LIVE = {rule["record"]: rule for rule in RECORDS if rule.get("labels", {}).get("source") != "paper"}


def squeezed(expression: str) -> str:
    return re.sub(r"\s", "", expression)


def promtool(*words: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("the program `promtool` is not installed (Debian: package prometheus)")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_configuration() -> None:
    said = promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    found = [int(count) for count in re.findall(r"(\d+) rules found", said)]
    assert sum(found) == len(RECORDS) + len(ALERTS)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", str(path))


def test_every_alert_is_seen_to_fire_and_to_keep_quiet() -> None:
    fired, quiet = set(), set()
    for path in TESTS:
        for test in yaml.safe_load(path.read_text("utf-8"))["tests"]:
            for case in test.get("alert_rule_test", ()):
                (fired if case["exp_alerts"] else quiet).add(case["alertname"])
    names = {rule["alert"] for rule in ALERTS}
    assert fired == names
    assert quiet == names


def test_every_alert_has_a_run_book() -> None:
    for rule in ALERTS:
        url = rule["annotations"]["runbook_url"]
        assert url == f"{{{{ $externalLabels.runbooks }}}}#{rule['alert'].lower()}"
        assert url.partition("#")[2] in anchors(OPERATIONS)
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]


@pytest.mark.parametrize("folder", ["prometheus", "compose"])
def test_links_to_run_books_are_whole_addresses(folder: str) -> None:
    config = yaml.safe_load((PROMETHEUS.parent / folder / "prometheus.yml").read_text("utf-8"))
    assert re.match(r"https://[^/]+/\S+$", config["global"]["external_labels"]["runbooks"])


def test_rules_say_what_the_report_and_the_dashboards_ask() -> None:
    scope = Scope("5m", by=("job",))
    said = {
        "otmv:offered:rate5m": promql.offered(scope),
        "otmv:on_time:rate5m": promql.on_time(scope),
        "otmv:attainment:ratio_rate5m": promql.attainment(scope),
        "otmv:effective_accuracy:ratio_rate5m": promql.effective_accuracy(scope),
        "otmv:throughput:rate5m": table4.throughput(scope),
        "otmv:throughput_over_full:ratio": table4.throughput_over_full(scope),
    }
    audited = Scope("6h", by=("job",))
    said["otmv:audited_agreement:ratio_rate6h"] = promql.audited_agreement(audited)
    said["otmv:expected_agreement:ratio"] = promql.expected_agreement(audited)
    for window in WINDOWS:
        said[f"otmv:slo_burn:rate{window}"] = promql.slo_burn(Scope(window, by=("job",)))
    for record, expression in said.items():
        assert squeezed(LIVE[record]["expr"]) == squeezed(expression), record


def test_the_papers_constants_are_its_table() -> None:
    found: dict[str, list[float]] = {}
    for rule in RECORDS:
        if rule.get("labels", {}).get("source") == "paper":
            assert rule["record"] == "otmv:throughput_over_full:ratio"
            value = re.fullmatch(r"vector\(([\d.]+)\)", rule["expr"])
            assert value is not None
            task = ("vqa", "reason", "caption").index(rule["labels"]["task"])
            found.setdefault(rule["labels"]["variant"], [0, 0, 0])[task] = float(value[1])
    assert {name: tuple(values) for name, values in found.items()} == PAPER
    assert set(PAPER) <= set(METHODS)


def series_named(expression: str) -> set[str]:
    """Return the metrics an expression names; the choice in a regular expression spelt out."""
    spelt = expression.replace(
        '__name__=~"otmv_(requests|shed)_total"', "otmv_requests_total or otmv_shed_total"
    )
    return set(re.findall(r"\botmv[_:][\w:]+", spelt))


def exported() -> set[str]:
    """Return every series name the server exports."""
    names = set()
    for metric in Telemetry().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        names |= {metric.name + suffix for suffix in suffixes.get(metric.type, ("",))}
    return names


@pytest.mark.parametrize("rule", [*rules()], ids=lambda rule: rule.get("record", rule.get("alert")))
def test_every_expression_parses_and_names_what_is_there(rule: dict[str, Any]) -> None:
    promql_parser.parse(rule["expr"])
    assert series_named(rule["expr"]) <= exported() | {rule["record"] for rule in RECORDS}


def test_every_recorded_series_is_documented() -> None:
    table = rows(OPERATIONS.read_text("utf-8"))
    shown = {name for name in table if name.startswith("otmv:")}
    burns = {f"otmv:slo_burn:rate{window}" for window in WINDOWS}
    assert shown == set(LIVE) - burns | {"otmv:slo_burn:rate5m"}
    assert {f"`{window}`" for window in WINDOWS[1:]} <= set(
        re.findall(r"`\w+`", table["otmv:slo_burn:rate5m"][0])
    )
