"""Answers as a server gives them."""

from __future__ import annotations

from typing import Any

PHASES = ("decode", "preprocess", "queue", "stem", "blocks", "head", "total")


def served(**changes: Any) -> dict[str, Any]:
    return {
        "variant": "full",
        "skip_pattern": {"bits": "1100", "executed_orders": [0, 1]},
        "executed_blocks": 2,
        "variant_quality": 0.9,
        "quality": 0.9,
        "predicted_ms": 1.0,
        "deadline_met": True,
        "degraded": False,
        "degraded_because": None,
        "timings_ms": dict.fromkeys(PHASES, 1.0),
        **changes,
    }


def answered(**changes: Any) -> dict[str, Any]:
    ranked = [{"answer": "Red.", "score": 0.9}, {"answer": "blue", "score": 0.1}]
    entry = served(question="what color?", answer="Red.", score=0.9, top_k=ranked)
    return {"answers": [{**entry, **changes}]}
