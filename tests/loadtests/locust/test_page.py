from __future__ import annotations

from typing import Any

from loadtests.locust import page
from loadtests.locust.marks import summary
from loadtests.locust.thresholds import read_threshold
from tests.loadtests.locust.made_up_marks import RUN


def record(**changes: Any) -> dict[str, Any]:
    bar = read_threshold("attainment", "0.99").bar(RUN)
    return {
        **summary(RUN, 3.0),
        "model": "<demo>",
        "user": "VqaUser",
        "shape": {"name": "spike", "peak": "3x"},
        "capacity_hz": 9.5,
        "seed": 0,
        "machine": "here",
        "client_cpu": 0.05,
        "command": "locust",
        "budgets": {"hurried": {"deadline_ms": {"vqa": 200.0}}},
        "bars": [bar.record()],
        **changes,
    }


def test_the_section_shows_what_was_measured_and_escapes_it() -> None:
    found = page.section(record())
    assert "0.5000 of 4 requests that may degrade" in found
    assert '<p class="short">locust.attainment: 0.5, wanted ≥ 0.99: short</p>' in found
    assert "&lt;demo&gt;" in found
    assert "<demo>" not in found
    assert found.count("<rect") == 4, "one for each variant, and for what was missed, of a second"
    assert "<title>1 s: missed 2</title>" in found


def test_the_section_stands_above_locusts_own() -> None:
    whole = '<body>\n<script>x = "<body>"</script><div id="root"></div></body>'
    found = page.insert(whole, "<section></section>")
    assert found == whole.replace('<div id="root">', '<section></section><div id="root">')
    assert page.insert("another page", "<section></section>") == "another page<section></section>"
