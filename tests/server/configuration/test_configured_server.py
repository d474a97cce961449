"""A real process with a configuration file: every line it writes is JSON, and nothing is secret."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.access.keys import fresh_key, sha256_of
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.server.kit.bad_requests import good_request
from tests.server.kit.live_server import otmv

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_configured_server_from_start_to_stop(tmp_path: Path) -> None:
    artifact, key = write_tiny(tmp_path / "tiny").root, fresh_key()
    config = tmp_path / "otmv.toml"
    config.write_text(
        f"""
artifact = "{artifact}"
cache_dir = "{tmp_path / "cache"}"
port = 0
log_format = "json"

[keys.alice]
sha256 = "{sha256_of(key)}"
rate_per_s = 0.001
burst = 1
"""
    )
    process = otmv("serve", "--config", config)
    try:
        assert process.stderr is not None
        lines: list[dict[str, Any]] = []
        while not lines or lines[-1]["message"] != "ready":
            lines.append(json.loads(process.stderr.readline()))
        url = lines[-1]["url"]
        good = good_request()
        for headers, status in (
            ({}, 401),
            ({"Authorization": f"Bearer {key}"}, 200),
            ({"Authorization": f"Bearer {key}"}, 429),
        ):
            all_headers = {**good.headers, **headers}
            response = httpx.post(url + good.path, content=good.body, headers=all_headers)
            assert response.status_code == status
        assert httpx.get(url + "/readyz").status_code == 200
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert not out
    lines += [json.loads(line) for line in errors.splitlines()]
    (settings,) = [line["settings"] for line in lines if line["message"] == "settings"]
    assert settings["keys"]["alice"]["rate_per_s"] == 0.001
    written = json.dumps(lines)
    assert key not in written
    assert sha256_of(key)[:12] not in written
    assert "what color" not in written
    asked = [
        line for line in lines if line["logger"] == "otmv.access" and line["path"] == good.path
    ]
    logged = [(line["status"], line.get("api_key"), line.get("variant")) for line in asked]
    assert logged[0] == (401, None, None)
    assert logged[1][:2] == (200, "alice")
    assert logged[1][2]
    assert logged[2] == (429, "alice", None)
