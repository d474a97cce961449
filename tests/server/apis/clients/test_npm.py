"""Clients of npm: `openai`, and Vercel's AI SDK with `@ai-sdk/openai-compatible`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.clients
FOLDER = Path(__file__).parent / "npm"


def run(script: str, server: str, picture: Path) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not (FOLDER / "node_modules").is_dir():
        pytest.skip("no node, or its packages are not installed: make test-clients installs them")
    words = [node, str(FOLDER / script), server, str(picture)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=FOLDER)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_openai(server: str, picture: Path) -> None:
    found = run("openai.mjs", server, picture)
    assert found["models"][0] == "demo"
    assert found["answer"].isdigit()
    assert found["otmv"]["answer"] == found["answer"]
    assert found["pieces"] > 1
    assert found["usage"]["completion_tokens"] > 1
    expected = {"kind": "NotFoundError", "status": 404, "code": "model_not_found"}
    assert found["refused"] == expected


def test_the_ai_sdk(server: str, picture: Path) -> None:
    found = run("ai.mjs", server, picture)
    assert found["answer"].isdigit()
    assert found["finish"] == "stop"
    assert found["pieces"] > 1
    assert found["caption"]
