"""`otmv eval` of a server and of the artifact it serves: the same answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.eval import app
from tests.e2e.demo_copies import DEMO
from tests.server.kit.live_server import LiveServer

pytestmark = pytest.mark.e2e


def test_a_server_answers_as_its_artifact(server: LiveServer, world: Path, tmp_path: Path) -> None:
    for name, subject in (("served", server.url), ("artifact", str(DEMO))):
        words = [subject, "--data", str(world), "--variants", "d2,full", "--limit", "60"]
        result = CliRunner().invoke(app, [*words, "--results", str(tmp_path / name)])
        assert result.exit_code == 0, result.stderr
    files = sorted(path.name for path in (tmp_path / "served").iterdir())
    assert len(files) == 9  # three tasks: two variants and the scores of each
    for file in files:
        served, own = ((tmp_path / side / file).read_text() for side in ("served", "artifact"))
        assert served == own
    scores = json.loads((tmp_path / "served/vqa.all.scores.json").read_text())
    assert scores["variants"]["full"]["scores"]["VQA accuracy"] > 0.85
