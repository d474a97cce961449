"""The page: one HTML file that needs nothing else, for light and dark screens and for paper."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from monitoring.report.charts import chart, colours
from monitoring.report.contents import Tile
from monitoring.report.dots import dots, methods
from monitoring.report.gather import Figure, Findings, Table4
from monitoring.report.scales import moment_text, value_text
from monitoring.table4 import method_title
from monitoring.tasks import TITLES

_STYLE = Path(__file__).with_name("page.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched and nothing runs, wherever the file is opened."""

_NOTHING = "&ndash;"
_PAPERS = (
    "The paper's are its authors' measurements of BEiT-3-Large on an A100 "
    "(OTMV supplement, Table 4)."
)
_OURS = (
    "Pictures answered per second of engine time, over the same of <code>full</code>, from the "
    "traffic of this time: whatever model, machine and batches that was."
)


def page(findings: Findings) -> str:
    """Return the report as HTML."""
    span = findings.span
    body = "\n".join(
        (
            f"<header><h1>{escape(_title(findings))}</h1><p>{_when(findings)}</p></header>",
            _tiles(findings.tiles),
            '<div class="plots">',
            *(_figure(figure, chart(figure, span)) for figure in findings.figures),
            "</div>",
            _table4(findings.table4),
            _queries(findings),
            f"<footer>Rates over {escape(findings.window)}, a point every {span.step_s:g} s; the "
            "numbers on top and Table 4 over the whole time. Times are UTC.</footer>",
        )
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(_title(findings))}</title>\n"
        f"<style>\n{_STYLE.read_text('utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _title(findings: Findings) -> str:
    return "otmv-serve: what was asked and what was answered"


def _when(findings: Findings) -> str:
    span = findings.span
    first, last = moment_text(span.start_s), moment_text(span.end_s)
    chosen = f" · <code>{escape(findings.where)}</code>" if findings.where else ""
    return f"{first} to {last} UTC · {escape(findings.url)}{chosen}"


def _tiles(tiles: tuple[tuple[Tile, float | None], ...]) -> str:
    cells = (
        f"<div><dt>{escape(tile.name)}</dt>"
        f"<dd>{_NOTHING if value is None else escape(value_text(value, tile.unit))}</dd></div>"
        for tile, value in tiles
    )
    return f'<dl class="tiles">{"".join(cells)}</dl>'


def _figure(figure: Figure, drawn: str) -> str:
    plot = figure.plot
    head = f'<h2>{escape(plot.title)}</h2><p class="note">{escape(plot.note)}</p>'
    if not figure.curves:
        return f'<figure>{head}<p class="empty">nothing in this time</p></figure>'
    return f"<figure>{head}{_legend(figure)}\n{drawn}</figure>"


def _legend(figure: Figure) -> str:
    items = (
        f'<li><i class="dash" style="color:{tint}"></i>{escape(curve.name)}</li>'
        if curve.dashed
        else f'<li><i style="background:{tint}"></i>{escape(curve.name)}</li>'
        for curve, tint in zip(figure.curves, colours(figure), strict=True)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


def _table4(table: Table4) -> str:
    head = f'<h2>Table 4: throughput over the full model</h2><p class="note">{_OURS} {_PAPERS}</p>'
    if not (table.ours or table.paper):
        return (
            f'<section class="card">{head}<p class="empty">nothing: <code>full</code> answered '
            "nothing in this time, and the paper's numbers come with the recording rules in "
            "deploy/prometheus</p></section>"
        )
    legend = (
        '<ul class="legend"><li><i class="dot"></i>ours, live</li>'
        '<li><i class="ring"></i>the paper</li></ul>'
    )
    rows = "".join(_rows(table))
    return (
        f'<section class="card">{head}{legend}<div class="scroll">{dots(table)}</div>\n'
        f'<div class="scroll"><table>{_headings()}<tbody>{rows}</tbody></table></div></section>'
    )


def _headings() -> str:
    tasks = "".join(
        f'<th colspan="2" scope="colgroup">{TITLES[task].heading}</th>' for task in TITLES
    )
    sides = '<th scope="col">paper</th><th scope="col">ours</th>' * len(TITLES)
    return f"<thead><tr><th></th>{tasks}</tr><tr><th></th>{sides}</tr></thead>"


def _rows(table: Table4) -> Iterator[str]:
    for method in methods(table):
        cells = "".join(
            f"<td>{_ratio(found.get((task, method)))}</td>"
            for task in TITLES
            for found in (table.paper, table.ours)
        )
        yield f'<tr><th scope="row">{escape(method_title(method))}</th>{cells}</tr>'


def _ratio(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.2f}"


def _queries(findings: Findings) -> str:
    asked = {figure.plot.title: figure.queries for figure in findings.figures}
    asked["Table 4"] = findings.table4.queries
    rows = "".join(
        f"<p>{escape(title)}<br><code>{'<br>'.join(map(escape, queries))}</code></p>"
        for title, queries in asked.items()
    )
    return f"<details><summary>What was asked of Prometheus</summary>{rows}</details>"
