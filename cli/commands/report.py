"""`otmv report`: what Prometheus has seen of a server, as one page."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.console import fail

app = typer.Typer(add_completion=False, rich_markup_mode="rich")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_POINTS = 120
_LEAST_WINDOW_S = 60
"""Four scrapes at Prometheus' usual 15 s."""


@app.command()
def report(
    from_prometheus: Annotated[
        str, typer.Option(metavar="URL", help="The Prometheus server that scrapes yours.")
    ],
    out: Annotated[Path, typer.Option(help="Write the page here.")] = Path("report.html"),
    last: Annotated[str, typer.Option(help="How far back, for example 30m, 6h or 2d.")] = "1h",
    window: Annotated[
        str | None,
        typer.Option(help="Range of the rates; default: a point's width, at least 60s."),
    ] = None,
    where: Annotated[
        str, typer.Option(help="Only these series: label matchers, such as 'job=\"otmv\"'.")
    ] = "",
) -> None:
    """Write traffic, latency, attainment, variants, quality and Table 4 as one HTML file.

    The file needs nothing else; the paper's numbers come from the recording rules in
    deploy/prometheus.

    [bold]otmv report --from-prometheus http://127.0.0.1:9090 --last 6h --out report.html[/bold]
    """
    from artifact.atomic import write_atomically
    from monitoring.prometheus import Prometheus, PrometheusError, TimeSpan
    from monitoring.report.gather import gather
    from monitoring.report.page import page

    seconds = _seconds("--last", last)
    end_s = float(int(time.time()))
    step_s = max(round(seconds / _POINTS), 1)
    rate_s = _seconds("--window", window) if window else max(step_s, _LEAST_WINDOW_S)
    span = TimeSpan(end_s - seconds, end_s, step_s)
    try:
        with Prometheus(from_prometheus) as prometheus:
            findings = gather(prometheus, span, f"{rate_s}s", where)
        write_atomically(out, page(findings))
    except PrometheusError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{out}: {error.strerror}")
    Console().print(f"wrote {out}", highlight=False, markup=False, soft_wrap=True)


def _seconds(option: str, text: str) -> int:
    """Read a duration."""
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS_S or not number.isdecimal() or int(number) == 0:
        fail(f"{option} {text!r}: give a number and one of {', '.join(_UNITS_S)}, such as 30m")
    return int(number) * _UNITS_S[unit]
