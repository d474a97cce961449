"""Pictures in a JSON body."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.server.kit.good_question import IMAGE, ask_question


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,", "DATA:image/png;BASE64,"])
def test_json_takes_base64_and_data_urls(client: TestClient, prefix: str) -> None:
    wrapped = "\n".join(IMAGE[i : i + 76] for i in range(0, len(IMAGE), 76))
    assert ask_question(client, image=prefix + wrapped)["answers"][0]["answer"] == "red"
