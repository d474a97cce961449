"""Our part of locust's HTML report: what locust does not know, attainment and variants. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from loadtests.kit.latencies import BIN_S
from monitoring.report.scales import Scale, ceiling, ticks

_COLUMNS = ("offered", "by deadline", "p50, ms", "p99, ms", "answered with")
_BEFORE = '<div id="root">'
_WIDTH, _HEIGHT = 960, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 20, 10, 26
_ABOUT = 5
_DEPTHS = ("#b7d3f0", "#86b3e2", "#4f8ecf", "#1f5fa8", "#123a6b")
_MISSED = "#c8453b"
_STYLE = """
#otmv { font: 15px/1.5 system-ui, sans-serif; color: #17202a; background: #fff;
  max-width: 1000px; margin: 0 auto; padding: 24px 20px; }
#otmv table { border-collapse: collapse; margin: 12px 0 20px; font-variant-numeric: tabular-nums; }
#otmv th, #otmv td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid #e3e7ec; }
#otmv th:first-child, #otmv td:first-child { text-align: left; }
#otmv p { margin: 4px 0; } #otmv .short { color: #c8453b; font-weight: 600; }
#otmv svg { width: 100%; height: auto; font-size: 11px; }
#otmv i { display: inline-block; width: 11px; height: 11px; margin: 0 5px 0 14px; }
"""


def insert(page: str, section: str) -> str:
    """Return locust's page with a section above its own."""
    head, found, tail = page.rpartition(_BEFORE)
    return head + section + found + tail if found else page + section


def section(found: Mapping[str, Any]) -> str:
    """Return a results record as one <section>."""
    variants = list(found["variants"])
    parts = [
        f'<section id="otmv"><style>{_STYLE}</style><h1>{escape(_title(found))}</h1>',
        f"<p>{escape(_facts(found))}</p>",
        *(f'<p class="{bar["verdict"]}">{escape(_bar(bar))}</p>' for bar in found["bars"]),
        _table("budget class", found["classes"], _deadlines(found["budgets"])),
        _table("stretch", found["stretches"]),
        "<p>Answered on time per second of intended sends, by variant, and missed:",
        _legend(variants),
        "</p>",
        _timeline(found["timeline"], variants),
        f"<p>{escape(found['command'])}</p></section>",
    ]
    return "\n".join(parts)


def _title(found: Mapping[str, Any]) -> str:
    degradable = found["may_degrade"]
    if degradable["attainment"] is None:
        return f"{found['offered']} requests"
    return (
        f"{degradable['attainment']:.4f} of {degradable['offered']} requests that may degrade "
        "were answered by their deadline"
    )


def _facts(found: Mapping[str, Any]) -> str:
    name, *facts = found["shape"].items()
    shape = ", ".join([name[1], *(f"{key} {value}" for key, value in facts)])
    capacity = found["capacity_hz"]
    known = f"; capacity {capacity:.2f} requests per second" if capacity else ""
    late = found["late_sends"]
    return (
        f"{found['model']}, {found['user']}; {shape}{known}; seed {found['seed']}; "
        f"{found['machine']}; client {found['client_cpu']:.0%} of one core; sends more than 5 ms "
        f"late: {late['over_5_ms']}. Latencies, locust's below too, count from the intended send."
    )


def _bar(bar: Mapping[str, Any]) -> str:
    sign = "≥" if bar["at_least"] else "≤"
    measured = "-" if bar["measured"] is None else f"{bar['measured']:g}"
    return f"{bar['name']}: {measured}, wanted {sign} {bar['limit']:g}: {bar['verdict']}"


def _table(
    title: str, groups: Mapping[str, Any], deadlines: Mapping[str, str] | None = None
) -> str:
    """Return one line per group; with deadlines, a column of them."""
    head = (title, *(["deadline, ms"] if deadlines is not None else []), *_COLUMNS)
    rows = ["".join(f"<th>{cell}</th>" for cell in head)]
    for name, group in groups.items():
        cells = (
            name,
            *([deadlines.get(name, "-")] if deadlines is not None else []),
            group["offered"],
            f"{group['attainment']:.4f}",
            *("-" if group[p] is None else f"{group[p]:.0f}" for p in ("p50_ms", "p99_ms")),
            ", ".join(f"{variant} {count}" for variant, count in group["variants"].items()),
        )
        rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _deadlines(budgets: Mapping[str, Any]) -> dict[str, str]:
    """Return the deadlines of each class, one per task."""
    limits = {
        name: [limit for limit in budget["deadline_ms"].values() if limit is not None]
        for name, budget in budgets.items()
    }
    return {n: " / ".join(f"{x:.0f}" for x in found) or "-" for n, found in limits.items()}


def _colours(variants: Sequence[str]) -> dict[str, str]:
    """Return a colour per variant, the last darkest; the middle ones share if there are many."""
    last = max(len(variants) - 1, 1)
    steps = len(_DEPTHS) - 1
    return {name: _DEPTHS[round(n * steps / last)] for n, name in enumerate(variants)}


def _legend(variants: Sequence[str]) -> str:
    entries = {**_colours(variants), "missed": _MISSED}
    return "".join(f'<i style="background:{c}"></i>{escape(n)}' for n, c in entries.items())


def _timeline(bins: Sequence[Mapping[str, int]], variants: Sequence[str]) -> str:
    """Return one stacked column per second."""
    top = ceiling(max(sum(each.values()) for each in bins), _ABOUT)
    across = Scale(0, len(bins) * BIN_S, _LEFT, _WIDTH - _RIGHT)
    up = Scale(0, top, _HEIGHT - _BOTTOM, _TOP)
    parts = [*_axes(across, up)]
    for index, each in enumerate(bins):
        parts += _column(index * BIN_S, each, _colours(variants), across, up)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">' + "".join(parts) + "</svg>"


def _column(
    at_s: float, counts: Mapping[str, int], colours: Mapping[str, str], across: Scale, up: Scale
) -> Iterator[str]:
    floor = 0
    missed = sum(count for name, count in counts.items() if name not in colours)
    known = {name: counts[name] for name in colours if name in counts}
    for name, count in {**known, "missed": missed}.items():
        x, width = across(at_s), (across(BIN_S) - across(0)) * 0.92
        y, height = up(floor + count), up(floor) - up(floor + count)
        place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        text = escape(f"{at_s:g} s: {name} {count}")
        colour = colours.get(name, _MISSED)
        if count:
            yield f'<rect {place} fill="{colour}"><title>{text}</title></rect>'
        floor += count


def _axes(across: Scale, up: Scale) -> Iterator[str]:
    for value in ticks(up.low, up.high, _ABOUT):
        y = up(value)
        yield f'<path stroke="#e3e7ec" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    for value in ticks(across.low, across.high, 8):
        x = across(value)
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 8}" text-anchor="middle">{value:g} s</text>'
