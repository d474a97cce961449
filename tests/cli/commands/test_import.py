"""`otmv import`: what a file holds becomes a checkpoint, whole, or one line says why not."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result
from safetensors.torch import save_file
from typer.testing import CliRunner

from artifact.golden import relative_l2
from artifact.store import open_artifact
from artifact.task import VQA
from cli.commands.import_ import app
from cli.main import build
from engine.opening.open import open_solo
from exporters.tasks import EXPORTED_TASKS
from models.checkpoint import load
from tests.cli.commands.released_files import ANSWERS, small_base, write_release
from tests.engine.answers.solo_answers import vqa_logits

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "examples" / "demo-artifact"
Release = Callable[..., Path]


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(one) for one in arguments], env={"COLUMNS": "120"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    small_base(monkeypatch)


@pytest.fixture
def release(tmp_path: Path, small: None) -> Release:
    return partial(write_release, tmp_path / "download")


@pytest.mark.parametrize("task", ["vqa", "caption", "reason", "retrieval"])
def test_a_released_file_becomes_a_checkpoint(release: Release, task: str, tmp_path: Path) -> None:
    out = tmp_path / "made"
    code, said, errors = run(release(task), "--as", "beit3_base", "--task", task, "--out", out)
    assert (code, said) == (0, ""), errors
    made = load(out)
    config = made.model.config
    assert (config.tasks, config.image_size) == (("embed" if task == "retrieval" else task,), 32)
    assert (config.keys, config.readout, config.merged_feed_forward) == (4, "last", False)
    assert made.labels == (ANSWERS if task == "vqa" else ())
    assert made.special.mask == 91
    assert made.note["imported from"] == f"beit3_base_{task}.pth"
    assert "4 orders on 4 key blocks, width 16" in errors
    assert f"{config.tasks[0]} on pictures of 32 px" in errors
    assert errors.splitlines()[-1] == f"imported: {out}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["download", "made"]


def exported(made: Path, artifact: Path) -> Result:
    """Run `otmv export` on an imported checkpoint."""
    words = ["export", str(made), "--out", str(artifact)]
    return CliRunner().invoke(build(words), words, env={"COLUMNS": "120"})


@pytest.mark.slow
def test_what_was_imported_is_exported_and_answers_as_the_file_does(
    release: Release, tmp_path: Path
) -> None:
    made, artifact = tmp_path / "made", tmp_path / "artifact"
    run(release("vqa"), "--as", "beit3_base", "--task", "vqa", "--out", made)
    done = exported(made, artifact)
    assert done.exit_code == 0, done.output
    opened, loaded = open_artifact(artifact), load(made)
    (variant,) = opened.manifest.variants
    assert (variant.id, variant.quality_of("vqa", "fp32")) == ("full", None)
    assert opened.labels() == ANSWERS
    assert "beit3_base_vqa.pth" in opened.path("MODEL_CARD.md").read_text()
    tokens = opened.text_codec().encode_question("what color is the circle")
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    found = vqa_logits(open_solo(opened), "full", [pixels], [tokens])
    with torch.inference_mode():
        picture, text = torch.from_numpy(pixels)[None], torch.tensor([tokens])
        wanted = loaded.model.answer(VQA, picture, text, None, range(4))
    assert relative_l2(found, wanted.numpy()) <= 1e-5


def test_what_no_exporter_knows_is_one_line(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EXPORTED_TASKS, "embed_text")
    made = tmp_path / "made"
    run(release("retrieval"), "--as", "beit3_base", "--task", "retrieval", "--out", made)
    done = exported(made, tmp_path / "artifact")
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "no exporter of task embed_text" in done.stderr


def test_the_start_of_a_tuning_shares_and_merges(release: Release, tmp_path: Path) -> None:
    file, out = release("reason"), tmp_path / "made"
    asked = (file, "--as", "beit3_base", "--task", "reason", "--out", out)
    code, _, errors = run(*asked, "--keys", 2, "--merge", "weighted:0.25,0.5", "--image-size", 48)
    assert code == 0, errors
    made = load(out).model
    assert (made.config.keys, made.config.readout, made.config.image_size) == (2, "series", 48)
    state = torch.load(file, weights_only=True)["model"]
    a, b = (state[f"beit3.encoder.layers.2.ffn.{m}.fc1.weight"] for m in "AB")
    torch.testing.assert_close(made.keys[1].fc1[0].weight, 0.25 * a + 0.5 * b)
    exporting = ["export", str(out), "--out", str(tmp_path / "artifact")]
    done = CliRunner().invoke(build(exporting), exporting)
    assert (done.exit_code, len(done.stderr.splitlines())) == (1, 1)
    assert "is the start of a tuning: tune it, or import without --keys" in done.stderr


def test_files_may_lie_anywhere(release: Release, tmp_path: Path) -> None:
    state = torch.load(release("vqa"), weights_only=True)["model"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    save_file(state, elsewhere / "weights.safetensors")
    spm = (tmp_path / "download" / "beit3.spm").rename(elsewhere / "words.model")
    labels = elsewhere / "labels.json"
    labels.write_text(json.dumps(ANSWERS))
    asked = (elsewhere / "weights.safetensors", "--as", "beit3_base", "--task", "vqa")
    code, _, errors = run(
        *asked, "--tokenizer", spm, "--labels", labels, "--out", tmp_path / "made"
    )
    assert code == 0, errors
    assert load(tmp_path / "made").labels == ANSWERS


def test_an_artifact_gives_its_checkpoint(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    code, said, errors = run(DEMO, "--out", out)
    assert (code, said) == (0, ""), errors
    assert load(out).model.config.name == "demo"
    assert "8 orders on 2 key blocks, width 192" in errors
    assert "vqa, caption, reason on pictures of 64 px" in errors


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"--as": None}, "say what the file holds: --as"),
        ({"--task": None}, "say what the file holds: --as"),
        ({"--task": "poetry"}, "no task 'poetry'; there are: vqa, caption, reason, retrieval"),
        ({"--task": "caption"}, r"fine-tuned for vqa \(--task vqa\)"),
        ({"--as": "beit3_large"}, "4 blocks of width 16; beit3_large has 24 blocks of width 1024"),
        ({"--merge": "mean"}, "--merge goes with --keys"),
        ({"--keys": "3"}, "3 keys do not divide 4 orders"),
        ({"--keys": "2", "--merge": "median"}, "no merge 'median'; write mean, mse or"),
        ({"--keys": "2", "--merge": "weighted:1"}, "no merge 'weighted:1'"),
        ({"--image-size": "40"}, "image_size 40 is no multiple of 16"),
        ({"--tokenizer": "nowhere.spm"}, r"nowhere.spm: no such file \(give --tokenizer beit3.spm"),
        ({"--labels": "nowhere.txt"}, r"nowhere.txt: no such file \(give --labels"),
    ],
)
def test_what_cannot_be_imported_is_one_line(
    release: Release, options: dict[str, str | None], said: str, tmp_path: Path
) -> None:
    out = tmp_path / "made"
    given = {"--as": "beit3_base", "--task": "vqa", "--out": str(out)} | options
    words = [word for pair in given.items() if pair[1] is not None for word in pair]
    check_refused(run(release("vqa"), *words), said, tmp_path)


def check_refused(result: tuple[int, str, str], said: str, tmp_path: Path) -> None:
    code, out, errors = result
    assert (code, out) == (1, "")
    assert len(errors.splitlines()) == 1, errors
    assert re.search(said, errors), errors
    assert [path.name for path in tmp_path.iterdir()] == ["download"], "nothing half-written"


def test_a_strange_tensor_and_a_wrong_shape_are_named(release: Release, tmp_path: Path) -> None:
    asked = ("--as", "beit3_base", "--task", "vqa", "--out", tmp_path / "made")
    more = release("vqa", **{"adapter.weight": torch.zeros(1)})
    check_refused(run(more, *asked), r"unexpected adapter\.weight", tmp_path)
    shape = release("vqa", **{"pooler.dense.weight": torch.zeros(16, 15)})
    check_refused(
        run(shape, *asked), r"pooler\.dense\.weight is \[16, 15\], .* \[16, 16\]", tmp_path
    )


def test_what_is_there_stays(release: Release, tmp_path: Path) -> None:
    asked = (release("vqa"), "--as", "beit3_base", "--task", "vqa")
    kept = tmp_path / "download" / "kept"
    kept.mkdir()
    check_refused(run(*asked, "--out", kept), "kept: exists already", tmp_path)
    check_refused(run(DEMO, "--task", "vqa"), "an artifact knows what it holds", tmp_path)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """The system itself lets no file grow beyond half of the weights."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "import", DEMO, "--out", tmp_path / "made"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
    )
    assert done.returncode == 1
    assert "cannot write: File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
