"""What stands below an answer: the same facts as in its JSON, for each task."""

from __future__ import annotations

from typing import Any

import pytest

from cli.commands.ask.facts import print_facts

ANSWER: dict[str, Any] = {
    "variant": "d3",
    "variant_quality": 0.8812,
    "skip_pattern": {"bits": "11001000", "executed_orders": [0, 1, 4]},
    "executed_blocks": 3,
    "predicted_ms": 6.41,
    "deadline_met": True,
    "degraded_because": None,
    "timings_ms": {"decode": 0.92, "queue": 0.3, "blocks": 4.13, "total": 7.34},
}


def shown(capsys: pytest.CaptureFixture[str], **changes: Any) -> dict[str, str]:
    """Return the lines by their name; a line without one belongs to that above it."""
    artifact = {"name": "demo", "hash": "1c9a7e02b4d8"}
    print_facts({"artifact": artifact, "answers": [ANSWER | changes]})
    found: dict[str, str] = {}
    for line in capsys.readouterr().out.splitlines():
        assert len(line) <= 80
        name, value = line[:10].strip(), line[10:]
        name = name or list(found)[-1]
        found[name] = f"{found[name]}: {value}" if name in found else value
    return found


def test_every_fact_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == {
        "variant": "d3 (11001000, 3 blocks)",
        "quality": "0.8812",
        "artifact": "demo 1c9a7e02b4d8",
        "domain": "not recorded",
        "deadline": "met",
        "time": "7.3 ms, predicted 6.4 in the engine",
        "phases": "decode 0.9, queue 0.3, blocks 4.1",
    }


@pytest.mark.parametrize(
    ("because", "words"),
    [
        (("time", "d4", 5.12, 4.31), "d4 was predicted to need 5.1 ms; 4.3 ms were left"),
        (("late", "d4", 5.12, -2.0), "d4 was predicted to need 5.1 ms; 0.0 ms were left"),
        (("load", "full", 8.0, None), "full was predicted to need 8.0 ms"),
    ],
)
def test_a_lower_variant_has_its_reason(
    capsys: pytest.CaptureFixture[str], because: tuple[Any, ...], words: str
) -> None:
    names = ("reason", "variant", "predicted_ms", "left_ms")
    found = shown(capsys, degraded_because=dict(zip(names, because, strict=True)))
    means = {
        "time": "time: more time was needed than was left",
        "late": "late: no variant was predicted to be in time",
        "load": "load: other requests needed the engine",
    }
    assert found["degraded"] == f"{means[because[0]]}: {words}"


def test_what_is_not_known_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, variant_quality=None, deadline_met=None, executed_blocks=1)
    assert (found["quality"], found["deadline"]) == ("not measured", "none")
    assert found["variant"].endswith("1 block)")
