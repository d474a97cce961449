"""What `otmv ask` prints below an answer: how it was computed, whatever the task."""

from __future__ import annotations

from typing import Any

from artifact.manifest import DomainRecord
from cli.console import say_pairs

_MEANS = {
    "time": "more time was needed than was left",
    "late": "no variant was predicted to be in time",
    "load": "other requests needed the engine",
}


def print_facts(body: dict[str, Any], domain: DomainRecord | None = None) -> None:
    """Print which variant of which artifact answered, how good it is, why, and what it took."""
    (answer,) = body["answers"]
    quality = answer["variant_quality"]
    because = answer["degraded_because"]
    blocks, bits = answer["executed_blocks"], answer["skip_pattern"]["bits"]
    timings = dict(answer["timings_ms"])
    total_ms = timings.pop("total")
    facts = {
        "variant": f"{answer['variant']} ({bits}, {blocks} block{'s' * (blocks != 1)})",
        "quality": "not measured" if quality is None else f"{quality:.4f}",
        "artifact": f"{body['artifact']['name']} {body['artifact']['hash']}",
        "domain": "not recorded" if domain is None else domain.about,
        "deadline": {True: "met", False: "missed", None: "none"}[answer["deadline_met"]],
    }
    if because is not None:
        facts["degraded"] = f"{because['reason']}: {_MEANS[because['reason']]}"
        facts[""] = _predicted(because)
    facts["time"] = f"{total_ms:.1f} ms, predicted {answer['predicted_ms']:.1f} in the engine"
    facts["phases"] = ", ".join(f"{name} {ms:.1f}" for name, ms in timings.items())
    say_pairs(facts)


def _predicted(because: dict[str, Any]) -> str:
    needed = f"{because['variant']} was predicted to need {because['predicted_ms']:.1f} ms"
    left_ms = because["left_ms"]
    if left_ms is None:
        return needed
    return f"{needed}; {max(left_ms, 0.0):.1f} ms were left"
