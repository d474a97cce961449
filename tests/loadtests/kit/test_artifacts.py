from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from artifact.errors import how_to_install
from artifact.store import open_artifact
from loadtests.kit import artifacts
from loadtests.kit.artifacts import VARIANTS, ensure_artifacts, write_many
from loadtests.kit.errors import BenchError
from tests.engine.artifacts.tiny_artifact import write_tiny
from tests.engine.artifacts.tiny_model import TinyModel, tiny_config

ROOT = Path(__file__).parents[3]


DEMO = ROOT / "examples/demo-artifact"


def silent(what: str, share: float) -> None:
    pass


def test_many_variants_share_every_file(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "base1")
    write_many(tmp_path / "base1", tmp_path / "many")
    made = open_artifact(tmp_path / "many")
    assert len(made.manifest.variants) == VARIANTS
    for name in made.manifest.files:
        assert (tmp_path / "base1" / name).samefile(made.path(name))


def test_many_variants_follow_their_source(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "base1")
    names = ["base1", "base1-64"]
    first = ensure_artifacts(tmp_path, names, silent)
    assert ensure_artifacts(tmp_path, names, silent) == first
    shutil.rmtree(tmp_path / "base1")
    write_tiny(tmp_path / "base1", TinyModel(tiny_config((0,) * 8)))
    second = ensure_artifacts(tmp_path, names, silent)
    assert second["base1-64"] != first["base1-64"]


def test_what_is_missing_is_exported_or_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=re.escape(f"needs torch: {how_to_install('export')}")):
        ensure_artifacts(tmp_path, ["base1"], silent)
    made = write_tiny(tmp_path / "base12")
    assert ensure_artifacts(tmp_path, ["base12"], silent) == {"base12": made.hash}
