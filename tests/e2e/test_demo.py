"""The shipped demo over HTTP: right answers, budgets kept, promises held."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from score_world import objects_named, vqa_accuracy
from typer.testing import CliRunner

from artifact.store import Artifact
from cli.commands.eval import app
from otmv_serve import DeadlineMissed, InvalidRequest, OtmvClient, RequestBudget
from tests.e2e.demo_copies import DEMO
from tests.server.kit.live_server import LiveServer

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "examples" / "images" / "shapes.jpg"
"""A large blue square, a small yellow triangle, a large green circle and a small red cross."""


def smallest(demo: Artifact) -> str:
    return min(demo.manifest.variants, key=lambda v: len(v.pattern)).id


def test_the_full_variant_answers_a_new_world(
    server: LiveServer, demo: Artifact, world: Path
) -> None:
    with OtmvClient(server.url) as client:
        full, count = vqa_accuracy(client, world, "full")
        shallow, _ = vqa_accuracy(client, world, smallest(demo))
        named, objects = objects_named(client, world, "full")
    promised = demo.manifest.variant("full").quality["vqa"]["fp32"]
    assert promised is not None
    assert count == 600
    assert full >= 0.90
    assert abs(full - promised) <= 0.04  # 600 questions: two standard errors are 0.02
    assert shallow < full
    assert objects > 200
    assert named >= 0.80


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what color is the large circle?", "green"),
        ("what shape is the red object?", "cross"),
        ("how many objects are there?", "4"),
        ("is there a yellow triangle?", "yes"),
    ],
)
def test_the_readme_picture(server: LiveServer, question: str, answer: str) -> None:
    with OtmvClient(server.url) as client:
        found = client.ask(PICTURE, question, RequestBudget(max_latency_ms=10_000))
    assert found.answer == answer
    assert found.variant == "full"
    assert found.deadline_met
    assert {"decode", "queue", "stem", "blocks", "head", "total"} <= set(found.timings_ms)


def test_a_tighter_budget_gets_a_shallower_variant(server: LiveServer, demo: Artifact) -> None:
    with OtmvClient(server.url) as client:
        predicted = {v.variant: v.predicted_ms for v in client.variants().variants}
        generous = client.ask(PICTURE, "how many circles?", RequestBudget(max_latency_ms=20_000))
        hopeless = client.ask(PICTURE, "how many circles?", RequestBudget(max_latency_ms=0.5))
        too_tight = RequestBudget(max_latency_ms=0.5, on_miss="reject")
        with pytest.raises(DeadlineMissed) as refused:
            client.ask(PICTURE, "how many circles?", too_tight)
    assert generous.variant == "full"
    assert not generous.degraded
    assert hopeless.variant == smallest(demo)
    assert hopeless.degraded
    assert predicted[hopeless.variant] < predicted["full"]
    assert refused.value.status == 504


def test_too_little_memory_names_the_nearest_offer(server: LiveServer) -> None:
    with OtmvClient(server.url) as client, pytest.raises(InvalidRequest) as refused:
        client.ask(PICTURE, "how many circles?", RequestBudget(max_memory_mb=0.01))
    assert refused.value.status == 422
    assert "nearest" in str(refused.value.problem)


def test_several_questions_share_one_picture(server: LiveServer) -> None:
    with OtmvClient(server.url) as client:
        before = _count(server)
        found = client.ask_all(PICTURE, ["what color is the cross?", "what color is the square?"])
        assert [answer.answer for answer in found] == ["red", "blue"]
        assert _count(server) - before == 2


def _count(server: LiveServer) -> float:
    text = httpx.get(f"{server.url}/metrics").text
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith("otmv_requests_total{")
    )


def test_a_server_answers_as_its_artifact(server: LiveServer, world: Path, tmp_path: Path) -> None:
    for name, subject in (("served", server.url), ("artifact", str(DEMO))):
        words = [subject, "--data", str(world), "--variants", "d2,full", "--limit", "60"]
        result = CliRunner().invoke(app, [*words, "--results", str(tmp_path / name)])
        assert result.exit_code == 0, result.stderr
    files = sorted(path.name for path in (tmp_path / "served").iterdir())
    assert len(files) == 9  # three tasks: two variants and the scores of each
    for file in files:
        served, own = ((tmp_path / side / file).read_text() for side in ("served", "artifact"))
        assert served == own
    scores = json.loads((tmp_path / "served/vqa.all.scores.json").read_text())
    assert scores["variants"]["full"]["scores"]["VQA accuracy"] > 0.85
