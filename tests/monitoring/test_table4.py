from __future__ import annotations

from engine.telemetry import Telemetry
from models.comparators.methods import METHODS
from monitoring import table4
from monitoring.promql import Scope
from monitoring.table4 import COLUMNS, method_title, paper_speed


def test_the_queries_name_metrics_that_exist() -> None:
    known = set()
    for metric in Telemetry().registry.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_sum", "_count")}.get(metric.type, ("",))
        known |= {metric.name + suffix for suffix in suffixes}
    assert {table4.IMAGES, table4.BUSY, table4.WORDS} <= known
    assert {f"{table4.STEP_ROWS}_sum", f"{table4.STEP_ROWS}_count"} <= known
    scope = Scope("5m")
    asked = (
        table4.throughput_over_full(scope),
        table4.pictures(scope),
        table4.scraped_pictures("vqa", "5m"),
    )
    for query in asked:
        assert "[5m]" in query


def test_every_row_of_the_paper_has_a_number_in_each_column() -> None:
    reported = [method for method in METHODS.values() if method.paper_speeds]
    assert len(reported) == 12
    assert {len(method.paper_speeds) for method in reported} == {len(COLUMNS)}
    assert paper_speed("otmv", COLUMNS[0]) == 1.63
    assert paper_speed("literal", COLUMNS[0]) is None
    assert paper_speed("d3", COLUMNS[0]) is None


def test_a_variant_that_is_no_method_keeps_its_name() -> None:
    assert (method_title("vlpet"), method_title("d3")) == ("VL-PET", "d3")
