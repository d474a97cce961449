"""Pictures in a JSON body."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.server.kit import sample_pictures

IMAGE = base64.b64encode(sample_pictures.jpeg()).decode()


def ask(client: TestClient, **document: Any) -> dict[str, Any]:
    body = {"image": IMAGE, "question": "what color?", **document}
    response = client.post("/v1/vqa", json={k: v for k, v in body.items() if v is not None})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "DATA:image/png;BASE64,"])
def test_json_takes_base64_and_data_urls(client: TestClient, prefix: str) -> None:
    wrapped = "\n".join(IMAGE[i : i + 76] for i in range(0, len(IMAGE), 76))
    assert ask(client, image=prefix + wrapped)["answers"][0]["answer"] == "red"
