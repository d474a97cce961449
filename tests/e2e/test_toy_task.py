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
from exporters.card import model_card
from exporters.describe import text_record
from exporters.examples import Example
from exporters.export import ExportOptions, Splits, export
from models.checkpoint import Checkpoint, load
from tests.server.kit.live_server import ServerThread, serving_here
from tests.toy_task.exported import EXPORTED_SIZE, size_example
from tests.toy_task.registered import add_size_task
from tests.toy_task.task import PROMPT, SIZE
from tuning.loop import tune
from tuning.pool import render_pool
from tuning.recipe import RECIPES, TUNING_SEED
from tuning.world.dataset import read_captions, read_pairs, read_vqa, write_world

pytestmark = pytest.mark.e2e

TASKS = (VQA.name, REASON.name, SIZE.name)
PICTURES = 24


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
        RECIPES["smoke"].shortened(60),
        config=config,
        pictures=64,
        questions=4,
        batch_sizes={VQA.name: 4, REASON.name: 2, SIZE.name: 32},
        learning_rate=4e-3,
    )
    pool = render_pool(TUNING_SEED, 64, 4, config.image_size, folder / "cache")
    tune(recipe, pool, folder / "checkpoint", torch.device("cpu"))
    return load(folder / "checkpoint")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "w"
    write_world(folder, PICTURES, 99)
    return folder


@pytest.fixture(scope="module")
def sizes(world: Path) -> list[Example]:
    return [
        size_example((world / row.image).read_bytes(), len(row.objects))
        for row in read_captions(world)
    ]


@pytest.fixture(scope="module")
def artifact(
    tuned: Checkpoint, world: Path, sizes: list[Example], tmp_path_factory: pytest.TempPathFactory
) -> Artifact:
    examples = [*sizes, *_questions(world), *_statements(world)]
    splits = Splits(examples, examples, examples, ("search", "report"))
    options = ExportOptions(whole="none", card=model_card(tuned))
    out = tmp_path_factory.mktemp("artifact") / "toy"
    return export(tuned, out, splits, options, lambda what, share: None)


def _questions(world: Path) -> list[Example]:
    return [
        Example((world / r.image).read_bytes(), VQA.name, question=r.question, answers=(r.answer,))
        for r in read_vqa(world)[:PICTURES]
    ]


def _statements(world: Path) -> list[Example]:
    return [
        Example(
            (world / r.left).read_bytes(),
            REASON.name,
            right_image=(world / r.right).read_bytes(),
            statement=r.statement,
            truth=r.truth,
        )
        for r in read_pairs(world)
    ]


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
) -> list[list[float]]:
    """Return the softmax of the tuned model's own logits at a depth, for each example."""
    asked = EXPORTED_SIZE.requests(tuned, text_record(tuned), sizes)
    with torch.inference_mode():
        logits = tuned.model.answer(SIZE, asked.pixels, asked.tokens, asked.mask, executed)
    scores: list[list[float]] = logits.softmax(1).tolist()
    return scores


def ask(client: httpx.Client, image: bytes, **budget: Any) -> dict[str, Any]:
    """Ask the toy, with the picture in JSON."""
    encoded = base64.b64encode(image).decode()
    body = {"image": encoded, "prompt": PROMPT, "budget": budget}
    response = client.post("/v1/size", json=body)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def ask_by_form(client: httpx.Client, image: bytes, **budget: str) -> dict[str, Any]:
    """Ask the toy, with the picture as a file."""
    files = {"image": ("p.jpg", image, "image/jpeg")}
    response = client.post("/v1/size", files=files, data={"prompt": PROMPT, **budget})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def answered(client: httpx.Client, task: str, variant: str) -> float:
    """Return how many requests of a task a variant has answered in time."""
    labels = f'task="{task}",variant="{variant}"'
    page = client.get("/metrics").text
    found = re.search(rf'^otmv_requests_total{{outcome="ok",{labels}}} (\S+)$', page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_explore(tuned, artifact, sizes, client) -> None:
    print([(e.answers) for e in sizes])
    for v in artifact.manifest.variants:
        print(v.id, v.pattern, v.quality, v.quality_source)
        print(
            [max(s) for s in scores_by_torch(tuned, sizes, v.pattern)],
            [s.index(max(s)) for s in scores_by_torch(tuned, sizes, v.pattern)],
        )
    print(client.get("/v1/variants", params={"task": "size"}).text)
    print(ask(client, sizes[0].image))
    print(ask(client, sizes[0].image, max_latency_ms=0.01))
    print(ask_by_form(client, sizes[0].image, variant=artifact.manifest.variants[0].id))
    print(
        [l for l in client.get("/metrics").text.splitlines() if 'size"' in l and "bucket" not in l]
    )
