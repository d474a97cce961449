"""The list of variants."""

from __future__ import annotations

from starlette.testclient import TestClient


def test_variants(client: TestClient) -> None:
    body = client.get("/v1/variants").json()
    assert body["model"] == "fake"
    assert body["domain"] == {"about": "red things only", "words": ["is", "red"]}
    assert body["tasks"] == ["vqa", "caption", "reason"]
    assert body["resident_keys"] == [0, 1]
    assert body["variants"][1] == {
        "task": "vqa",
        "variant": "d2",
        "skip_pattern": {"bits": "1100", "executed_orders": [0, 1]},
        "executed_blocks": 2,
        "keys": [0],
        "quality": 0.9,
        "quality_precision": "fp32",
        "predicted_ms": 2.0,
        "memory_mb": 2.0,
        "resident": True,
    }
    tasks = client.get("/v1/variants", params={"task": "caption"}).json()["variants"]
    assert {entry["task"] for entry in tasks} == {"caption"}
