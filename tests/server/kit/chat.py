"""Chat completions to ask for, and what a refusal of one looks like."""

from __future__ import annotations

import base64
from typing import Any

import httpx
from starlette.testclient import TestClient

from tests.server.kit import sample_pictures

URL = "data:image/jpeg;base64," + base64.b64encode(sample_pictures.jpeg()).decode()
PICTURE = {"type": "image_url", "image_url": {"url": URL, "detail": "auto"}}
CHAT = "/v1/chat/completions"


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def body(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "fake", "messages": [{"role": "user", "content": content}], **more}


def ask(client: TestClient, content: Any, **more: Any) -> httpx.Response:
    return client.post(CHAT, json=body(content, **more))


def refused(response: httpx.Response, status: int, param: str | None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    return error
