"""Draw what one question gets under five budgets, asked of a running server.

python examples/five_budgets.py docs/five_budgets.svg [URL]

Each budget is asked in turn, many times over; a row shows its middle answer, by executed blocks.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path
from statistics import median

from otmv_serve import OtmvClient, QuestionReply, RequestBudget

PICTURE = Path(__file__).parent / "images" / "shapes.jpg"
QUESTION, RIGHT = "how many objects are there?", "4"
BUDGETS_MS = (10, 16, 22, 30, 100)
ROUNDS = 41
ROW_PX, TOP_PX, LEFT_PX, WIDTH_PX = 40, 92, 262, 740
GREEN, RED, GREY, INK = "#1a7f37", "#b42318", "#c9ced6", "#1f2328"


def middle(answers: Sequence[QuestionReply]) -> QuestionReply:
    """Return the answer in the middle of many, by how deep its variant is."""
    return sorted(answers, key=lambda each: each.executed_blocks)[len(answers) // 2]


def text(x: float, y: float, said: str, extra: str = "") -> str:
    """Return a text of the drawing."""
    return f'<text x="{x:g}" y="{y:g}" {extra}>{escape(said)}</text>'


def dots(x: float, y: float, bits: str) -> str:
    """Return one dot per order, filled if it was executed."""
    return "".join(
        f'<circle cx="{x + 17 * place:g}" cy="{y:g}" r="6" fill="{INK if bit == "1" else "none"}" '
        f'stroke="{INK if bit == "1" else GREY}" stroke-width="1.5"/>'
        for place, bit in enumerate(bits)
    )


def row(place: int, budget_ms: int, answers: Sequence[QuestionReply]) -> str:
    """Return one budget's row."""
    y = TOP_PX + ROW_PX * place
    shown = middle(answers)
    color = GREEN if shown.answer == RIGHT else RED
    took_ms = median(each.timings_ms["total"] for each in answers)
    on_time = sum(each.deadline_met is True for each in answers) / len(answers)
    return "".join(
        (
            text(LEFT_PX, y + 5, f"{budget_ms} ms", 'font-weight="600"'),
            dots(LEFT_PX + 80, y, shown.skip_pattern.bits),
            text(LEFT_PX + 226, y + 5, shown.variant),
            text(LEFT_PX + 290, y + 6, shown.answer, f'style="fill: {color}" class="answer"'),
            text(LEFT_PX + 342, y + 5, f"{took_ms:.0f} ms"),
            text(LEFT_PX + 408, y + 5, f"{on_time:.0%}"),
        )
    )


def drawing(by_budget: dict[int, list[QuestionReply]]) -> str:
    """Return the whole drawing as SVG."""
    height = TOP_PX + ROW_PX * len(by_budget) + 8
    picture = base64.b64encode(PICTURE.read_bytes()).decode()
    headings = (
        (0, "budget"),
        (74, "executed orders"),
        (226, "variant"),
        (280, "answer"),
        (342, "took"),
        (408, "on time"),
    )
    rows = "\n".join(row(place, *each) for place, each in enumerate(by_budget.items()))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height}" role="img">
<title>One question under {len(by_budget)} latency budgets</title>
<style>text {{ font: 15px system-ui, sans-serif; fill: {INK}; }}
.dim {{ fill: #656d76; font-size: 13px; }}
.answer {{ font-size: 20px; font-weight: 700; }}</style>
<rect width="{WIDTH_PX}" height="{height}" rx="8" fill="#ffffff"/>
<image x="20" y="56" width="188" height="188" preserveAspectRatio="xMinYMin"
href="data:image/jpeg;base64,{picture}"/>
{text(20, 32, QUESTION, 'font-weight="600"')}
{text(20, 264, f"{RIGHT} are there; each budget was", 'class="dim"')}
{text(20, 282, f"asked {ROUNDS} times, in turns", 'class="dim"')}
{"".join(text(LEFT_PX + x, 58, said, 'class="dim"') for x, said in headings)}
{rows}
</svg>
"""


def main(out: str, url: str = "http://127.0.0.1:8000") -> int:
    """Ask and draw; return the exit code."""
    by_budget: dict[int, list[QuestionReply]] = {each: [] for each in BUDGETS_MS}
    with OtmvClient(url) as client:
        for _ in range(ROUNDS):
            for budget_ms, answers in by_budget.items():
                budget = RequestBudget(max_latency_ms=budget_ms)
                answers.append(client.ask(PICTURE, QUESTION, budget))
    Path(out).write_text(drawing(by_budget), "utf-8")
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: five_budgets.py OUT [URL]")
    sys.exit(main(*sys.argv[1:]))
