"""The example that indexes a folder and searches it, against a real server."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from artifact.store import Artifact
from models.checkpoint import Checkpoint
from tests.server.kit.live_server import ROOT, ServerThread, serving_here
from tests.server.tasks.retrieval.embedding_model import TEXTS, by_torch, picture

SCRIPT = ROOT / "examples" / "search_pictures.py"


@pytest.fixture(scope="module")
def server(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerThread]:
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("search_pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["search_pictures"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "inside").mkdir(parents=True)
    for seed in range(5):
        where = folder / "inside" if seed > 2 else folder
        Image.fromarray(picture(seed)).save(where / f"{seed}.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def run(server: ServerThread, *arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, SCRIPT, "--url", server.url, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("variant", [None, "d2"])
def test_a_folder_is_indexed_and_searched(
    server: ServerThread, photos: Path, checkpoint: Checkpoint, variant: str | None
) -> None:
    out = photos.parent / "photos.npz"
    chosen = [] if variant is None else ["--variant", variant]
    indexed = run(server, "index", photos, out, *chosen)
    assert indexed.returncode == 0, indexed.stderr
    assert f"5 pictures in {out}" in indexed.stdout
    assert "left out" in indexed.stderr
    assert "broken.jpg" in indexed.stderr
    found = run(server, "search", out, TEXTS[0], "--best", 3)
    assert found.returncode == 0, found.stderr
    depth = 4 if variant is None else 2
    query = by_torch(checkpoint, TEXTS[0], depth)
    cosines = [float(query @ by_torch(checkpoint, picture(seed), depth)) for seed in range(5)]
    best = sorted(range(5), key=lambda seed: -cosines[seed])[:3]
    lines = [line.split() for line in found.stdout.splitlines()]
    assert [Path(name).stem for _, name in lines] == [str(seed) for seed in best]
    assert [float(cosine) for cosine, _ in lines] == pytest.approx(
        [cosines[seed] for seed in best], abs=1e-4
    )


def test_vectors_of_two_spaces_do_not_mix(example: ModuleType, tmp_path: Path) -> None:
    ones = np.ones(4, np.float32)
    deep, shallow = (example.Vector(ones, f"a/{name}/fp32", name) for name in ("full", "d1"))
    with pytest.raises(example.SearchError, match="do not mix"):
        example.Index.of([("one", deep), ("two", shallow)])
    index = example.Index.of([("one", deep)])
    with pytest.raises(example.SearchError, match="a/full/fp32 and of a/d1/fp32"):
        index.search(shallow, 1)
    index.save(tmp_path / "i.npz")
    again = example.Index.load(tmp_path / "i.npz")
    assert again.search(deep, 1) == [("one", 4.0)]
    assert [each.name for each in tmp_path.iterdir()] == ["i.npz"]


def test_what_is_wrong_is_one_line(server: ServerThread, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "no.npz").write_bytes(b"x")
    for arguments in (
        ("index", tmp_path / "empty", tmp_path / "o.npz"),
        ("search", tmp_path / "no.npz", "a"),
        ("search", tmp_path / "missing.npz", "a"),
    ):
        found = run(server, *arguments)
        assert found.returncode == 1
        assert found.stderr.startswith("search_pictures: ")
        assert found.stderr.count("\n") == 1
