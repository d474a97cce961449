from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from monitoring.prometheus import Prometheus, PrometheusError, TimeSpan
from monitoring.report.contents import PLOTS
from monitoring.report.gather import Findings, Table4, gather
from monitoring.report.page import page
from tests.monitoring.fake_prometheus import BUSY, NOTHING, START_S, Answers, labels, transport

SPAN = TimeSpan(START_S, START_S + 600, 60)


def findings(answers: Answers = BUSY, where: str = "", asked: list[str] | None = None) -> Findings:
    with Prometheus("http://prom:9090/", transport(answers, asked)) as prometheus:
        return gather(prometheus, SPAN, "60s", where)


def series(found: Findings, title: str) -> dict[str, float]:
    """Return the first value of each series of a figure, by name, in order."""
    (figure,) = (figure for figure in found.figures if figure.plot.title == title)
    return {each.name: each.points[0][1] for each in figure.curves}


def test_series_are_named_ordered_and_empty_areas_left_out() -> None:
    found = findings()
    assert list(series(found, "Traffic").items()) == [
        ("on time", 6.0),
        ("late", 1.0),
        ("refused", 2.0),
    ]
    assert list(series(found, "Variants")) == ["d2", "full"]  # by quality; d1 answered nothing
    assert series(found, "Attainment") == {"attainment": 0.75, "objective": 0.99}
    assert series(found, "Quality") == {"questions": 0.85, "effective accuracy": 0.6}
    assert list(series(found, "Latency").values()) == [0.2, 0.1, 0.05]
    numbers = {tile.name: value for tile, value in found.tiles}
    assert numbers["answered by the deadline"] == 0.75


def test_the_whole_span_is_asked_for_numbers_and_the_window_for_plots() -> None:
    asked: list[str] = []
    findings(where='job="otmv"', asked=asked)
    ranges = {match for query in asked for match in re.findall(r"\[(\w+)\]", query)}
    assert ranges == {"60s", "600s"}
    ours = [query for query in asked if not query.startswith("otmv:")]
    for query in ours:
        selectors = re.findall(r"\{[^}]*\}", query)
        assert selectors
        assert all('job="otmv"' in selector for selector in selectors), query


def test_ours_and_the_papers_meet_in_table_4() -> None:
    table = findings().table4
    assert table.ours[("vqa", "otmv")] == 1.7
    assert table.paper[("vqa", "otmv")] == 1.63
    assert ("caption", "otmv") not in table.ours


def test_values_that_are_no_numbers_are_left_out() -> None:
    nan = float("nan")
    found = findings(
        {**BUSY, "avg by (variant)": {labels(variant="x"): nan}, "otmv_step_rows": {(): nan}}
    )
    (batching,) = (figure for figure in found.figures if figure.plot.title == "Batching")
    assert batching.curves == ()


def test_a_limit_alone_is_no_measurement() -> None:
    answers = {name: value for name, value in BUSY.items() if 'outcome="ok"' not in name}
    assert series(findings(answers), "Attainment") == {}


def test_a_server_never_seen_is_said() -> None:
    with pytest.raises(PrometheusError, match=r"has seen no otmv server.*widen --last"):
        findings(NOTHING)


class Outside(HTMLParser):
    """Collects what a browser would fetch or run, and checks that elements nest."""

    VOID = ("meta", "br")

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [name for name, _ in attrs if name in ("src", "href", "srcset", "action")]
        self.fetched += [tag] if tag in ("script", "link", "iframe", "img") else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [name for name, _ in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_fetches_nothing() -> None:
    text = page(findings())
    outside = Outside()
    outside.feed(text)
    assert outside.fetched == []
    assert outside.open == []
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text
    for plot in PLOTS:
        assert f"<h2>{plot.title}</h2>" in text
    for media in ("prefers-color-scheme: dark", "@media print"):
        assert media in text
    assert "14 Nov 2023, 22:14:00 to 14 Nov 2023, 22:24:00 UTC" in text


def test_every_colour_used_is_defined_for_light_dark_and_paper() -> None:
    text = page(findings())
    style = text.partition("<style>")[2].partition("</style>")[0]
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    light, dark, paper = (set(re.findall(r"(--[\w-]+):", block)) for block in blocks)
    assert light == dark == paper
    assert set(re.findall(r"var\((--[\w-]+)\)", text)) <= light


def test_table_4_lists_both_sides() -> None:
    text = page(findings())
    rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', text))
    cells = {name: re.findall("<td>(.*?)</td>", row) for name, row in rows.items()}
    none = "&ndash;"
    assert cells["OTMV"] == ["1.63", "1.70", none, none, "1.60", none]
    assert cells["d2"] == [none, "2.50", none, none, none, none]
    assert list(cells) == ["Full fine-tuning", "OTMV", "d2"]
    drawn = [svg for svg in re.findall(r"<svg.*?</svg>", text, re.S) if "full fine-tuning" in svg]
    (table,) = (ElementTree.fromstring(svg.replace("&times;", "x")) for svg in drawn)
    marks = [circle.get("class") for circle in table.iter("circle")]
    assert (marks.count("paper"), marks.count("ours")) == (3, 3)


def test_without_rules_and_answers_table_4_says_why_it_is_empty() -> None:
    found = findings()
    bare = Findings(found.url, found.span, found.window, "", found.tiles, found.figures, Table4())
    assert "come with the recording rules" in page(bare)


def test_labels_from_outside_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    answers: Answers = {**BUSY, "sum by (variant)": {labels(variant=evil): 1.0}}
    text = page(findings(answers, where=f'job="{evil}"'))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
