"""Answers hold against the JSON schemas that Hugging Face publishes for its tasks."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx")
jsonschema = pytest.importorskip("jsonschema")
pytestmark = pytest.mark.clients
SPECS = Path(__file__).parent / "npm/node_modules/@huggingface/tasks/src/tasks"


def schema(task: str, part: str) -> Any:
    path = SPECS / task / "spec" / f"{part}.json"
    if not path.is_file():
        pytest.skip("npm's @huggingface/tasks is not installed: make test-clients installs it")
    return json.loads(path.read_text())


def answered(server: str, task: str, inputs: object) -> Any:
    body = {"inputs": inputs}
    jsonschema.validate(body, schema(task, "input"))
    response = httpx.post(f"{server}/hf/{task}", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()


def test_answers_to_questions(server: str, picture: Path) -> None:
    task, image = "visual-question-answering", base64.b64encode(picture.read_bytes()).decode()
    found = answered(server, task, {"image": image, "question": "how many things are there?"})
    jsonschema.validate(found, schema(task, "output"))
    assert found


def test_descriptions(server: str, picture: Path) -> None:
    """The schema describes `generated_text`, which clients read, and requires `generatedText`."""
    task = "image-to-text"
    found = answered(server, task, base64.b64encode(picture.read_bytes()).decode())
    published = schema(task, "output")
    assert published["required"] == ["generatedText"], "mended? then use it as it is"
    described = {**published, "required": list(published["properties"])}
    for each in found if isinstance(found, list) else [found]:
        jsonschema.validate(each, described)
    assert found
