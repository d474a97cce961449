"""Real rivals, where their environment is there."""

from __future__ import annotations

import base64
import io
import json
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from artifact.golden import read_labelled_cases
from artifact.preprocess import to_pixels
from artifact.store import open_artifact
from engine.backends.registry import open_backend
from engine.tasks.vqa import VqaInput
from loadtests.engine.live import Monolith, one_batch
from loadtests.kit.processes.ports import free_port
from loadtests.rivals.options import PATH, RivalOptions
from loadtests.slo import servers

DEMO = Path(__file__).parents[3] / "examples/demo-artifact"


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(servers.RIVALS))
@pytest.mark.parametrize(("workers", "max_batch"), [(1, 4), (2, 1)])
def test_a_rival_starts_and_answers_what_the_graph_answers(
    name: str, workers: int, max_batch: int
) -> None:
    if why := servers.missing(name, servers.ENVIRONMENT):
        pytest.skip(why)
    artifact = open_artifact(DEMO, verify=False)
    assert artifact.manifest.golden is not None
    assert artifact.manifest.golden.cases is not None
    cases = read_labelled_cases(artifact.path(artifact.manifest.golden.cases))
    asked = [case for case in cases if case.task == "vqa" and case.question][:6]
    texts, inputs = [], []
    for case in asked:
        raw = (DEMO / case.image).read_bytes()
        texts.append(
            json.dumps({"image": base64.b64encode(raw).decode(), "question": case.question})
        )
        with Image.open(io.BytesIO(raw)) as image:
            pixels = to_pixels(image.convert("RGB"), artifact.manifest.config.image_size)
        inputs.append(VqaInput(pixels, str(case.question)))
    backend = servers.RIVALS[name].backend
    graph = Monolith(artifact, open_backend(backend), "d2")
    labels = artifact.labels()
    wanted = [labels[best] for best in graph.best(one_batch(artifact, inputs))]
    options = RivalOptions(
        str(DEMO), "d2", free_port(), 1, max_batch, 1, 30_000, workers, spin=False
    )
    with servers.rival(servers.ENVIRONMENT, name, options, texts[0]) as server:
        found = [_ask(server, text) for text in texts]
    assert [each["answer"] for each in found] == wanted
    assert {each["variant"] for each in found} == {"d2"}


def _ask(server: servers.Running, text: str) -> dict[str, str]:
    request = urllib.request.Request(
        f"http://{server.host}:{server.port}{PATH}",
        text.encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as response:
        answer: dict[str, str] = json.load(response)["answers"][0]
    return answer
