"""Web pages of other sites cannot make a browser change what is served, unless they have a key."""

from __future__ import annotations

from typing import Any

import pytest

from server.access.keys import sha256_of
from tests.server.kit.ready_client import ready_client

KEY = "otmv-operator"
KEYS = {"operator": {"sha256": sha256_of(KEY), "operator": True}}
OURS = "127.0.0.1:8000"


def change(headers: dict[str, str], **settings: Any) -> int:
    """Return the status of a change of the memory budget."""
    with ready_client(reload=True, **settings) as client:
        response = client.put("/v1/memory-budget", json={"memory_budget_mb": None}, headers=headers)
    if response.status_code == 403:
        assert response.json()["type"] == "urn:otmv:problem:from-web-page"
    return response.status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://[", "Host": OURS},
        {"Origin": "http://127.0.0.1:9000", "Host": OURS},
        {"Origin": "http://127.0.0.1", "Host": OURS},
        {"Origin": "file://127.0.0.1:8000", "Host": OURS},
        {"Sec-Fetch-Site": "cross-site", "Host": OURS},
        {"Sec-Fetch-Site": "same-site", "Host": OURS},
        {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{OURS}", "Host": OURS},
        # A name that an attacker points at our address: one site, as the browser sees it.
        {"Origin": "http://rebound.example", "Host": "rebound.example"},
        {"Sec-Fetch-Site": "same-origin", "Host": "rebound.example:8000"},
        {"Sec-Fetch-Site": "none", "Host": "localhost.example"},
    ],
)
@pytest.mark.parametrize("origins", [(), ("*",), ("https://evil.example",)])
def test_a_page_of_another_site_is_refused(
    headers: dict[str, str], origins: tuple[str, ...]
) -> None:
    assert change(headers, cors_origins=origins) == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "any.example"},
        {"Origin": f"http://{OURS}", "Sec-Fetch-Site": "same-origin", "Host": OURS},
        {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
        {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
        {"Sec-Fetch-Site": "none", "Host": OURS},
    ],
)
def test_programs_and_our_own_page_pass(headers: dict[str, str]) -> None:
    assert change(headers) == 200


def test_our_own_page_passes_under_a_listed_name() -> None:
    headers = {"Origin": "https://otmv.example", "Host": "otmv.example"}
    assert change(headers) == 403
    assert change(headers, allowed_hosts=("OTMV.example",)) == 200


def test_a_page_that_has_an_operators_key_passes() -> None:
    headers = {"Origin": "https://panel.example", "Authorization": f"Bearer {KEY}"}
    assert change(headers, keys=KEYS) == 200
