"""Answers are written without their models, and are what the models say all the same."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from server.tasks import SERVED_TASKS
from tests.server.kit import sample_pictures
from tests.server.kit.good_question import IMAGE

_OTHER = base64.b64encode(sample_pictures.png()).decode()
BODIES: dict[str, dict[str, Any]] = {
    "vqa": {"image": IMAGE, "questions": ["what color?", "wie groß? ☃"], "top_k": 2},
    "caption": {"image": IMAGE},
    "reason": {"images": [IMAGE, _OTHER], "statement": "both are red ☃"},
}


@pytest.mark.parametrize("served", SERVED_TASKS.values(), ids=SERVED_TASKS)
def test_an_answer_is_to_the_byte_what_its_model_would_write(
    served: Any, client: TestClient
) -> None:
    response = client.post(f"/v1/{served.task.name}", json=BODIES[served.task.name])
    assert response.status_code == 200
    model = served.answer.model_validate_json(response.content)
    assert response.text == model.model_dump_json()
