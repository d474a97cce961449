"""Pictures in a JSON body."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.server.kit.good_question import IMAGE, ask_question

GOOD = [
    "",
    "data:image/jpeg;base64,",
    "DATA:image/png;BASE64,",
    "data:;base64,",
    "data:;charset=utf-8;base64,",
    "data:image/png;charset=utf-8;base64,",
    "data:image/svg+xml;name=p.png;charset=UTF-8;base64,",
    'data:image/png;name="a, b;c.png";base64,',
    "data:image/png;name=a%20b.png;base64,",
    "data:image/png; name=p.png ; base64,",
    "data:image/png;empty=;base64,",
    "data:application/octet-stream;x=y;base64,",
    f"data:image/png;name={'n' * 900};base64,",
]
BAD = [
    "data:,",
    "data:image/png,",
    "data:image/png;base64",
    "data:image/png;charset=utf-8,",
    "data:image/png;base64;x=y,",
    "data:text/html;base64,",
    "data:image/png;base64=1,",
    f"data:image/png;name={'n' * 2000};base64,",
    "data:" + ";a=b" * 200 + ",",
]


@pytest.mark.parametrize("prefix", BAD)
def test_another_data_url_is_refused(client: TestClient, prefix: str) -> None:
    body = {"image": prefix + IMAGE, "question": "what color?"}
    response = client.post("/v1/vqa", json=body)
    assert response.status_code == 422
    assert "data: URL" in response.text


@pytest.mark.parametrize("prefix", GOOD)
def test_json_takes_base64_and_data_urls(client: TestClient, prefix: str) -> None:
    wrapped = "\n".join(IMAGE[i : i + 76] for i in range(0, len(IMAGE), 76))
    assert ask_question(client, image=prefix + wrapped)["answers"][0]["answer"] == "red"
