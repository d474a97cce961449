"""`otmv eval` on retrieval: a checkpoint, an artifact and a server by one definition."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from artifact.config import TaskConfig
from artifact.store import Artifact
from artifact.task import EMBED
from cli.commands.eval import app
from cli.commands.eval.tasks import retrieval
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tests.server.kit.live_server import serving_here
from tests.server.tasks.retrieval.embedding_model import (
    by_torch,
    picture,
    shared_artifact,
    shared_checkpoint,
)
from tests.tuning.data.small_sets import SETS, lines

PICTURES = 12
COLORS = ("red", "blue", "green", "yellow", "purple", "orange")
WAYS = ("text to picture", "picture to text")


def captions(at: int) -> list[str]:
    color = COLORS[at % len(COLORS)]
    size = ("small", "large")[at // len(COLORS)]
    return [f"a {size} {color} circle", f"a {size} {color} cross and a {color} square"]


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return shared_checkpoint()


@pytest.fixture(scope="module")
def tuned(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tuned")
    save(folder, checkpoint)
    return str(folder)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return shared_artifact(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="module")
def url(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_here(artifact.root, tmp_path_factory.mktemp("engine")) as live:
        yield live.url


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pictures of the model's own size, so that nothing is resized; two captions each."""
    for at in range(PICTURES):
        (tmp_path / "data/images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(at)).save(tmp_path / f"data/images/{at}.png")
    records = [{"image": f"{at}.png", "captions": captions(at)} for at in range(PICTURES)]
    lines(tmp_path / "data/retrieval.test.jsonl", records)
    return tmp_path / "data"


def scores(folder: Path, variant: str) -> dict[str, float]:
    facts = json.loads((folder / "retrieval.test.scores.json").read_text())
    return dict(facts["variants"][variant]["scores"])


def by_loops(checkpoint: Checkpoint, depth: int, chosen: Sequence[int]) -> dict[str, float]:
    """Return the scores as their definition reads, from the model's own vectors."""
    seen = {at: by_torch(checkpoint, picture(at), depth) for at in chosen}
    read = [(at, by_torch(checkpoint, text, depth)) for at in chosen for text in captions(at)]
    found: dict[str, float] = {}
    for depth_k in (1, 5, 10):
        hits = 0
        for own, text in read:
            best = sorted(chosen, key=lambda at, text=text: -float(text @ seen[at]))
            hits += own in best[:depth_k]
        found[f"{WAYS[0]} R@{depth_k}"] = hits / len(read)
        hits = 0
        for own in chosen:
            order = sorted(read, key=lambda pair, own=own: -float(pair[1] @ seen[own]))
            hits += own in [at for at, _ in order[:depth_k]]
        found[f"{WAYS[1]} R@{depth_k}"] = hits / len(chosen)
    return found


def test_a_checkpoint_an_artifact_and_a_server_have_the_scores_of_the_definition(
    checkpoint: Checkpoint, tuned: str, artifact: Artifact, url: str, data: Path, tmp_path: Path
) -> None:
    for subject, named in (
        (tuned, {"1000": 1, "1111": 4}),
        (str(artifact.root), {"d1": 1, "full": 4}),
        (url, {"d1": 1, "full": 4}),
    ):
        out = tmp_path / "out"
        which = "--patterns" if subject == tuned else "--variants"
        words = (which, ",".join(named), "--results", str(out))
        code, said, noted = run(subject, "--data", str(data), *words)
        assert code == 0, noted
        assert "among 12 pictures and 24 captions" in said
        assert all(len(line) <= 80 for line in said.splitlines())
        for variant, depth in named.items():
            expected = by_loops(checkpoint, depth, range(PICTURES))
            assert scores(out, variant) == pytest.approx(expected)
            assert 0 < expected["text to picture R@5"] < 1
        rows = json.loads((out / f"retrieval.test.{variant}.ranks.json").read_text())
        assert [row["image_id"] for row in rows] == [f"{at}.png" for at in range(PICTURES)]
        found = [each["picture_rank"] for row in rows for each in row["captions"]]
        assert np.mean(np.array(found) <= 5) == pytest.approx(expected["text to picture R@5"])


@pytest.mark.parametrize("which", ["checkpoint", "server"])
def test_bad_pictures_are_skipped_counted_and_listed(
    checkpoint: Checkpoint, tuned: str, url: str, data: Path, tmp_path: Path, which: str
) -> None:
    bad = data / "images/3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    subject, chosen, name = (
        (tuned, "--patterns", "1111") if which == "checkpoint" else (url, "--variants", "full")
    )
    words = (subject, "--data", str(data), chosen, name, "--results", str(tmp_path / "out"))
    code, said, noted = run(*words)
    assert code == 0, noted
    assert "12 examples, 1 of them skipped" in said
    if which == "checkpoint":
        assert "bad pictures, skipped: 1" in noted
    left = [at for at in range(PICTURES) if at != 3]
    assert scores(tmp_path / "out", name) == pytest.approx(by_loops(checkpoint, 4, left))
    rows = json.loads((tmp_path / f"out/retrieval.test.{name}.ranks.json").read_text())
    assert rows[3]["caption_rank"] is None
    assert rows[3]["captions"][0] == {"caption": captions(3)[0], "picture_rank": None}


def test_grey_pictures_all_find_the_same_caption_and_a_limit_leaves_fewer(
    tuned: str, data: Path, tmp_path: Path
) -> None:
    words = (tuned, "--data", str(data), "--patterns", "1111", "--limit", "4")
    code, said, noted = run(*words, "--blank", "--results", str(tmp_path / "out"))
    assert code == 0, noted
    assert "blank pictures" in noted
    assert "among 4 pictures and 8 captions" in said
    assert scores(tmp_path / "out", "1111")["picture to text R@1"] == 0.25


def test_pictures_have_the_size_of_retrieval_where_tasks_differ(
    checkpoint: Checkpoint, data: Path, tmp_path: Path
) -> None:
    config = checkpoint.model.config
    smaller = replace(config, per_task={EMBED: TaskConfig(image_size=32)})
    save(tmp_path / "tuned", replace(checkpoint, model=OtmvModel(smaller)))
    words = (str(tmp_path / "tuned"), "--data", str(data), "--patterns", "1111")
    code, said, noted = run(*words)
    assert code == 0, noted
    assert "12 examples\n" in said


def test_more_vectors_than_are_kept_are_refused_in_one_line(
    tuned: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "MOST_VECTORS", 3 * PICTURES)
    words = (tuned, "--data", str(data), "--patterns")
    assert run(*words, "1111")[0] == 0
    code, out, err = run(*words, "1000,1111")
    assert (code, out) == (1, "")
    assert "72 vectors of pictures and captions in 2 variants" in err
    assert "--limit" in err
    assert err.count("\n") == 1
    assert run(*words, "1000,1111", "--limit", "6")[0] == 0


def test_a_text_that_is_too_long_leaves_its_example_out(tuned: str, data: Path) -> None:
    records = [
        {"image": f"{at}.png", "captions": [*captions(at), "red " * 999 * (at == 1) or "red"]}
        for at in range(3)
    ]
    lines(data / "retrieval.test.jsonl", records)
    code, said, noted = run(tuned, "--data", str(data), "--patterns", "1111")
    assert code == 0
    assert "3 examples, 1 of them skipped" in said
    assert "broken records, skipped: 1" in noted


@pytest.mark.parametrize("name", ["coco", "flickr30k", "blip"])
def test_the_public_formats(tuned: str, tmp_path: Path, name: str) -> None:
    SETS[name](tmp_path / name)
    words = (tuned, "--data", str(tmp_path / name), "--task", "retrieval", "--split", "test")
    code, said, noted = run(*words, "--patterns", "1111", "--results", str(tmp_path / "out"))
    assert code == 0, noted
    assert "pictures and" in said
    rows = json.loads((tmp_path / "out/retrieval.test.1111.ranks.json").read_text())
    assert all(row["caption_rank"] >= 1 for row in rows)


def test_captions_as_token_ids_cannot_be_asked(tuned: str, data: Path) -> None:
    (data / "retrieval.test.jsonl").unlink()
    record = {"image_path": "images/0.png", "text_segment": [5, 6], "image_id": 0}
    lines(data / "flickr30k.test.jsonl", [record])
    code, said, noted = run(tuned, "--data", str(data), "--patterns", "1111")
    assert code == 0
    assert "no example could be asked" in said
    assert "1 examples, 1 of them skipped" in said
    assert "give the data set in its first format" in noted
