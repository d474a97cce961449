"""A task that exists in tests alone is tuned, exported, served and asked over HTTP.

`tests/toy_task/` has one module for each place that CONTRIBUTING lists, and nothing else knows it.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

from artifact.store import Artifact
from artifact.task import REASON, VQA
from cli.commands.export.tasks import reason, vqa
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import ExportOptions, Splits, export
from exporters.sides.card import model_card
from models.checkpoint import Checkpoint, load
from tests.server.kit.live_server import ServerThread, serving_here
from tests.toy_task.exported import EXPORTED_SIZE, size_example
from tests.toy_task.registered import add_size_task
from tests.toy_task.task import LABELS, PROMPT, SIZE
from tuning.loop import tune
from tuning.pool import render_pool
from tuning.recipe import RECIPES, TUNING_SEED
from tuning.world.dataset import read_captions, read_pairs, write_world

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

TASKS = (VQA.name, REASON.name, SIZE.name)
PICTURES = 24
REPORTED = 4 * PICTURES
"""Pictures on which no shallow variant says all that the whole model does."""
"""That are asked about."""

FULL = tuple(range(8))


@pytest.fixture(scope="module", autouse=True)
def size_task() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        add_size_task(patch)
        yield


@pytest.fixture(scope="module")
def tuned(size_task: None, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A tiny model of the toy beside two other tasks, after seconds of tuning."""
    folder = tmp_path_factory.mktemp("tuned")
    config = dataclasses.replace(RECIPES["smoke"].config, tasks=TASKS)
    recipe = dataclasses.replace(
        RECIPES["smoke"].shortened(20),
        config=config,
        questions=4,
        batch_sizes={VQA.name: 4, REASON.name: 2, SIZE.name: 16},
        learning_rate=4e-3,
    )
    pictures, questions = recipe.pictures, recipe.questions
    pool = render_pool(TUNING_SEED, pictures, questions, config.image_size, folder / "cache")
    tune(recipe, pool, folder / "checkpoint", torch.device("cpu"))
    return load(folder / "checkpoint")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "w"
    write_world(folder, PICTURES, 99)
    return folder


@pytest.fixture(scope="module")
def sizes(tuned: Checkpoint, world: Path) -> list[Example]:
    return sizes_of(tuned, world)


def sizes_of(tuned: Checkpoint, world: Path) -> list[Example]:
    """The toy's examples. Right is what the whole model says: so its quality is 1, and others rise.

    After a few steps of tuning, no depth could be told from another by what is true.
    """
    asked = [
        size_example((world / row.image).read_bytes(), len(row.objects))
        for row in read_captions(world)
    ]
    return [
        dataclasses.replace(example, answers=(best(scores),))
        for example, scores in zip(asked, scores_by_torch(tuned, asked, FULL), strict=True)
    ]


def examples_of(tuned: Checkpoint, world: Path) -> list[Example]:
    """The toy's examples, and as many of two other tasks."""
    questions, statements = (
        source.read(world, lambda name: (world / name).read_bytes())
        for source in (vqa.SOURCE, reason.SOURCE)
    )
    return [*sizes_of(tuned, world), *questions[:PICTURES], *statements[:PICTURES]]


@pytest.fixture(scope="module")
def reported(tuned: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """What quality is reported on: pictures that chose nothing."""
    folder = tmp_path_factory.mktemp("world") / "w"
    write_world(folder, REPORTED, 98)
    return examples_of(tuned, folder)


@pytest.fixture(scope="module")
def artifact(
    tuned: Checkpoint,
    world: Path,
    sizes: list[Example],
    reported: list[Example],
    tmp_path_factory: pytest.TempPathFactory,
) -> Artifact:
    splits = Splits(sizes, reported, examples_of(tuned, world), ("search", "report"))
    options = ExportOptions(whole="none", card=model_card(tuned))
    out = tmp_path_factory.mktemp("artifact") / "toy"
    return export(tuned, out, splits, options, lambda what, share: None)


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    """The artifact, checked against its golden cases, on a real socket."""
    cache = tmp_path_factory.mktemp("engine")
    with serving_here(artifact.root, cache) as live:
        yield live


@pytest.fixture(scope="module")
def client(server: ServerThread) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=30) as opened:
        yield opened


def scores_by_torch(
    tuned: Checkpoint, sizes: Sequence[Example], executed: Sequence[int]
) -> list[dict[str, float]]:
    """Return the softmax of the tuned model's own logits at a depth, by label, for each example."""
    asked = EXPORTED_SIZE.requests(tuned, text_record(tuned), sizes)
    with torch.inference_mode():
        logits = tuned.model.answer(SIZE, asked.pixels, asked.tokens, asked.mask, executed)
    return [dict(zip(LABELS, row, strict=True)) for row in logits.softmax(1).tolist()]


def best(scores: dict[str, float]) -> str:
    """Return the label with the highest score."""
    return max(scores, key=lambda label: scores[label])


def ask(client: httpx.Client, image: bytes, **budget: Any) -> dict[str, Any]:
    """Ask the toy, with the picture in JSON."""
    encoded = base64.b64encode(image).decode()
    body = {"image": encoded, "prompt": PROMPT, "budget": budget}
    response = client.post("/v1/size", json=body)
    assert response.status_code == 200, response.text
    (found,) = response.json()["answers"]
    return dict(found)


def ask_by_form(client: httpx.Client, image: bytes, **budget: str) -> dict[str, Any]:
    """Ask the toy, with the picture as a file."""
    files = {"image": ("p.jpg", image, "image/jpeg")}
    response = client.post("/v1/size", files=files, data={"prompt": PROMPT, **budget})
    assert response.status_code == 200, response.text
    (found,) = response.json()["answers"]
    return dict(found)


def ended(client: httpx.Client, outcome: str, task: str, variant: str) -> float:
    """Return how many requests of a task ended so, as /metrics has it."""
    labels = f'outcome="{outcome}",task="{task}",variant="{variant}"'
    page = client.get("/metrics").text
    found = re.search(rf"^otmv_requests_total{{{labels}}} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_its_quality_is_what_its_measure_says_of_the_tuned_model(
    tuned: Checkpoint, artifact: Artifact, reported: list[Example]
) -> None:
    variants = artifact.manifest.variants
    asked = [example for example in reported if example.task == SIZE.name]
    assert len(variants) > 1
    for variant in variants:
        given = [best(scores) for scores in scores_by_torch(tuned, asked, variant.pattern)]
        share = SIZE.measure.score(given, asked)
        assert variant.quality_of(SIZE.name, "fp32") == pytest.approx(share, abs=1e-4)
    assert variants[-1].quality_of(SIZE.name, "fp32") == 1.0
    assert artifact.manifest.golden is not None
    assert set(artifact.manifest.golden.quality) == set(TASKS)


def test_every_variant_answers_as_the_tuned_model_at_its_depth(
    client: httpx.Client, tuned: Checkpoint, artifact: Artifact, sizes: list[Example]
) -> None:
    for variant in artifact.manifest.variants:
        expected = scores_by_torch(tuned, sizes, variant.pattern)
        for example, scores in zip(sizes[:6], expected[:6], strict=True):
            answer = ask(client, example.image, variant=variant.id)
            assert answer["size"] == best(scores)
            assert answer["scores"] == pytest.approx(scores, abs=1e-4)
            assert answer["variant"] == variant.id
            assert answer["executed_blocks"] == len(variant.pattern)
            assert answer["variant_quality"] == variant.quality_of(SIZE.name, "fp32")


def test_a_form_and_json_get_the_same_answer(client: httpx.Client, sizes: list[Example]) -> None:
    by_json, by_form = (way(client, sizes[0].image) for way in (ask, ask_by_form))
    assert by_form["variant"] == by_json["variant"] == "full"
    assert by_form["scores"] == pytest.approx(by_json["scores"], abs=1e-5)
    assert by_form["size"] == by_json["size"] == sizes[0].answers[0]


def test_without_time_it_stops_early(
    client: httpx.Client, artifact: Artifact, sizes: list[Example]
) -> None:
    shallow = artifact.manifest.variants[0].id
    before = ended(client, "late", SIZE.name, shallow)
    answer = ask(client, sizes[0].image, max_latency_ms=0.01)
    assert answer["variant"] == shallow
    assert answer["degraded"] is True
    assert answer["deadline_met"] is False
    assert ended(client, "late", SIZE.name, shallow) == before + 1


def test_its_variants_are_listed_and_its_answers_counted(
    client: httpx.Client, artifact: Artifact, sizes: list[Example]
) -> None:
    listed = client.get("/v1/variants", params={"task": SIZE.name}).json()
    assert listed["tasks"] == list(TASKS)
    assert [(each["task"], each["variant"]) for each in listed["variants"]] == [
        (SIZE.name, variant.id) for variant in artifact.manifest.variants
    ]
    before = ended(client, "ok", SIZE.name, "full")
    ask(client, sizes[0].image)
    assert ended(client, "ok", SIZE.name, "full") == before + 1


def test_a_wrong_request_is_refused_as_any(client: httpx.Client, sizes: list[Example]) -> None:
    files = {"image": ("p.jpg", sizes[0].image, "image/jpeg")}
    refused = client.post("/v1/size", files=files, data={"prompt": " "})
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "prompt", "problem": "has no words"}]


def test_a_statement_beside_it_is_still_judged(
    client: httpx.Client, artifact: Artifact, world: Path
) -> None:
    row = read_pairs(world)[0]
    files = [("image", (name, (world / name).read_bytes())) for name in (row.left, row.right)]
    data = {"statement": row.statement, "variant": "full"}
    response = client.post("/v1/reason", files=files, data=data)
    assert response.status_code == 200, response.text
    (answer,) = response.json()["answers"]
    assert answer["statement"] == row.statement
    full = artifact.manifest.variant("full")
    assert answer["variant_quality"] == full.quality_of(REASON.name, "fp32")
