"""A question that every server answers: its picture as a file and as text, and asking it."""

from __future__ import annotations

import base64
from typing import Any

from starlette.testclient import TestClient

from tests.server.kit import sample_pictures

FILE = {"image": ("p.jpg", sample_pictures.jpeg(), "image/jpeg")}
IMAGE = base64.b64encode(sample_pictures.jpeg()).decode()


def ask_question(client: TestClient, **document: Any) -> dict[str, Any]:
    """Ask, with some fields of the document changed or, by None, left out; return the answer."""
    body = {"image": IMAGE, "question": "what color?", **document}
    response = client.post("/v1/vqa", json={k: v for k, v in body.items() if v is not None})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found
