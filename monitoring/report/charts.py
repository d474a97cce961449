"""Lines and stacked areas over time, as SVG that takes its colours from the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from monitoring.prometheus import Points, TimeSpan
from monitoring.report.contents import Unit
from monitoring.report.gather import Curve, Figure
from monitoring.report.scales import Scale, ceiling, moment_text, ticks, time_ticks, value_text

WIDTH, HEIGHT = 640, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 12, 28
_ABOUT_Y, _ABOUT_X = 4, 6
_PALETTE = ("one", "two", "three", "four", "five", "six")
_GAP_STEPS = 2.5
"""Points further apart than this are not joined."""


def colour(curve: Curve, index: int, count: int, depths: bool) -> str:
    """Return the CSS colour of the index-th of `count` curves."""
    if curve.tint:
        return f"var(--{curve.tint})"
    if depths:
        share = 100 * index / max(count - 1, 1)
        return f"color-mix(in oklab, var(--deep) {share:.0f}%, var(--shallow))"
    return f"var(--{_PALETTE[index % len(_PALETTE)]})"


def colours(figure: Figure) -> list[str]:
    """Return the CSS colour of each curve of a figure."""
    count = len(figure.curves)
    return [colour(each, i, count, figure.plot.depths) for i, each in enumerate(figure.curves)]


def chart(figure: Figure, span: TimeSpan) -> str:
    """Return a figure as one <svg>."""
    plot = figure.plot
    stacked = plot.kind != "lines"
    layers = _stack(figure.curves, shares=plot.kind == "shares") if stacked else None
    across = Scale(span.start_s, span.end_s, _LEFT, WIDTH - _RIGHT)
    up = Scale(0.0, _top(figure, layers), HEIGHT - _BOTTOM, _TOP)
    parts = [*_frame(span, across, up, plot.unit)]
    if layers is not None:
        parts += _areas(layers, colours(figure), across, up, span)
    else:
        parts += _lines(figure.curves, colours(figure), across, up, span)
    parts += _bands(figure, span, across)
    label = escape(f"{plot.title}: {plot.note}", quote=True)
    inner = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">\n{inner}\n</svg>'


def _top(figure: Figure, layers: list[Points] | None) -> float:
    """Return the value at the upper edge."""
    if figure.plot.kind == "shares" or figure.plot.unit in ("share", "quality"):
        return 1.0
    lines = layers if layers is not None else [curve.points for curve in figure.curves]
    return ceiling(max((value for points in lines for _, value in points), default=1.0), _ABOUT_Y)


def _frame(span: TimeSpan, across: Scale, up: Scale, unit: Unit) -> Iterator[str]:
    """Yield grid, labels and base line."""
    for value in ticks(up.low, up.high, _ABOUT_Y):
        y = up(value)
        yield f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        text = escape(value_text(value, unit) if unit != "quality" else f"{value:.2g}")
        yield f'<text class="y" x="{_LEFT - 8}" y="{y + 4:.1f}">{text}</text>'
    for moment, text in time_ticks(span.start_s, span.end_s, _ABOUT_X):
        yield f'<text class="x" x="{across(moment):.1f}" y="{HEIGHT - 8}">{text}</text>'


def _stack(curves: Sequence[Curve], shares: bool) -> list[Points]:
    """Return the upper edge of each area, the first lowest; missing points count 0."""
    times = sorted({time_s for each in curves for time_s, _ in each.points})
    found = [dict(each.points) for each in curves]
    sums = {t: sum(values.get(t, 0.0) for values in found) for t in times}
    below = dict.fromkeys(times, 0.0)
    layers = []
    for values in found:
        below = {t: below[t] + values.get(t, 0.0) for t in times}
        scaled = [
            (t, below[t] / sums[t] if shares else below[t]) for t in times if sums[t] or not shares
        ]
        layers.append(tuple(scaled))
    return layers


def _areas(
    layers: Sequence[Points], tints: Sequence[str], across: Scale, up: Scale, span: TimeSpan
) -> Iterator[str]:
    """Yield areas from the top one down, each drawn to the base, edged in the page's colour."""
    for points, tint in reversed(list(zip(layers, tints, strict=True))):
        for run in _runs(points, span):
            edge = _path(run, across, up)
            first, last = across(run[0][0]), across(run[-1][0])
            closed = f"{edge}L{last:.1f} {up(0):.1f}L{first:.1f} {up(0):.1f}Z"
            yield f'<path class="area" style="fill:{tint}" d="{closed}"/>'


def _lines(
    curves: Sequence[Curve], tints: Sequence[str], across: Scale, up: Scale, span: TimeSpan
) -> Iterator[str]:
    for each, tint in zip(curves, tints, strict=True):
        kind = "line dashed" if each.dashed else "line"
        for run in _runs(each.points, span):
            if len(run) == 1:
                x, y = across(run[0][0]), up(run[0][1])
                yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" style="fill:{tint}"/>'
            else:
                path = _path(run, across, up)
                yield f'<path class="{kind}" style="stroke:{tint}" d="{path}"/>'


def _runs(points: Points, span: TimeSpan) -> Iterator[Points]:
    """Yield stretches of points without a gap."""
    begin = 0
    for index in range(1, len(points) + 1):
        apart = index < len(points) and points[index][0] - points[index - 1][0]
        if index == len(points) or apart > _GAP_STEPS * span.step_s:
            yield points[begin:index]
            begin = index


def _path(points: Points, across: Scale, up: Scale) -> str:
    places = (f"{across(t):.1f} {up(min(value, up.high)):.1f}" for t, value in points)
    return "M" + "L".join(places)


def _bands(figure: Figure, span: TimeSpan, across: Scale) -> Iterator[str]:
    """Yield one unseen band per moment; held over it, the pointer shows every value."""
    values = [dict(curve.points) for curve in figure.curves]
    width = max(across(span.start_s + span.step_s) - across(span.start_s), 1.0)
    unit = "per second" if figure.plot.kind == "shares" else figure.plot.unit
    for moment in sorted({time_s for each in values for time_s in each}):
        rows = [moment_text(moment, "%H:%M:%S UTC")]
        for curve, found in reversed(list(zip(figure.curves, values, strict=True))):
            if moment in found:
                rows.append(f"{curve.name}  {value_text(found[moment], unit)}")
        text = escape("\n".join(rows))
        x, height = across(moment) - width / 2, HEIGHT - _TOP - _BOTTOM
        place = f'x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{height}"'
        yield f'<rect class="band" {place}><title>{text}</title></rect>'
