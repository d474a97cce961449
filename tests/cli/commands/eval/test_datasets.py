"""`otmv eval` on data sets: checkpoints, artifacts and servers, their tables and result files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.eval import app
from models.checkpoint import Checkpoint, save
from models.series import OtmvModel
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake
from tests.tuning.data.small_sets import PICTURES, SETS, lines
from tuning.recipe import RECIPES
from tuning.tokens import world_tokenizer
from tuning.world.vocabulary import ANSWERS

DEMO = str(Path(__file__).parents[4] / "examples/demo-artifact")


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "80"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tuned")
    model = OtmvModel(RECIPES["smoke"].config).eval()
    save(folder, Checkpoint(model, world_tokenizer(), ANSWERS, None, {}))
    return str(folder)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pictures; questions in a train split, captions, statements."""
    SETS["jsonl"](tmp_path / "data")
    records = [
        {"image": f"pictures/{i}.png", "question": "what color is the circle?", "answer": "red"}
        for i in range(4)
    ]
    for number, record in enumerate(records):
        record["id"] = str(10 + number)
    lines(tmp_path / "data/vqa.train.jsonl", records)
    return tmp_path / "data"


def scores(folder: Path, stem: str) -> dict[str, object]:
    return json.loads((folder / f"{stem}.scores.json").read_text())


def test_a_checkpoint(checkpoint: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = ("--task", "vqa", "--patterns", "10000000,11111111", "--results", str(out))
    code, said, noted = run(checkpoint, "--data", str(data), *chosen)
    assert code == 0, noted
    assert "11111111" in said
    assert "VQA accuracy" in said
    assert "4 examples\n" in said
    answered = json.loads((out / "vqa.train.11111111.results.json").read_text())
    assert [each["question_id"] for each in answered] == [10, 11, 12, 13]
    assert all(each["answer"] in ANSWERS for each in answered)
    facts = scores(out, "vqa.train")
    assert facts["data"] == "jsonl train (data)"
    assert list(facts["variants"]) == ["10000000", "11111111"]


def test_an_artifact_on_every_task_it_has(data: Path, tmp_path: Path) -> None:
    (data / "caption.test.jsonl").rename(data / "caption.train.jsonl")
    (data / "reason.dev.jsonl").rename(data / "reason.train.jsonl")
    lines(
        data / "reason.train.jsonl",
        [
            {"images": ["pictures/0.png", "pictures/1.png"], "statement": text, "truth": True}
            for text in ("both images contain a red circle", "what " * 99)
        ],
    )
    chosen = ("--variants", "d1", "--split", "train", "--results", str(tmp_path / "out"))
    code, said, noted = run(DEMO, "--data", str(data), *chosen)
    assert code == 0, noted
    assert "│ d1      │" in said
    assert "stand-in for the Stanford PTB tokenizer" in said
    assert "2 examples, 1 of them skipped" in said
    assert "broken records, skipped: 1" in noted
    captions = json.loads((tmp_path / "out/caption.train.d1.results.json").read_text())
    assert [each["image_id"] for each in captions] == [0, 1, 2, 3]
    assert (tmp_path / "out/reason.train.d1.csv").read_text().endswith(",False\n")


@pytest.fixture
def url() -> Iterator[str]:
    with serving_fake(FakePool()) as server:
        yield server.url


def test_a_server(url: str, data: Path, tmp_path: Path) -> None:
    bad = data / "pictures/3.png"
    bad.write_bytes(bad.read_bytes()[:200])
    out = str(tmp_path / "out")
    words = (url, "--data", str(data), "--task", "vqa", "--variants", "full", "--results", out)
    code, said, noted = run(*words)
    assert code == 0, noted
    assert "4 examples, 1 of them skipped" in said
    answered = json.loads((tmp_path / "out/vqa.train.full.results.json").read_text())
    assert [bool(each["answer"]) for each in answered] == [True, True, True, False]
    code, said, _ = run(*words, "--blank")
    assert "4 examples\n" in said  # a grey picture can be read


def test_secret_answers_are_not_scored_but_written(
    checkpoint: str, tmp_path: Path, data: Path
) -> None:
    record = {"image_path": "pictures/0.png", "text_segment": None, "image_id": 5}
    lines(data / "coco_captioning.test.jsonl", [record])
    words = (checkpoint, "--data", str(data), "--format", "beit3", "--patterns", "10000000")
    code, said, _ = run(*words, "--results", str(tmp_path / "out"))
    assert code == 0
    assert "no right answers are public" in said
    (answered,) = json.loads((tmp_path / "out/caption.test.10000000.results.json").read_text())
    assert answered["image_id"] == 5


def test_grey_pictures_and_a_limit(checkpoint: str, data: Path) -> None:
    words = (checkpoint, "--data", str(data), "--task", "vqa", "--patterns", "10000000")
    code, said, noted = run(*words, "--blank", "--limit", "2")
    assert code == 0
    assert "2 examples\n" in said
    assert "blank pictures" in noted


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([DEMO], "a data set: --data FOLDER"),
        ([DEMO, "--data", "gone"], "there is no folder gone"),
        ([DEMO, "--data", "DATA", "--task", "vqa", "--split", "test"], "it has train"),
        ([DEMO, "--data", "DATA", "--task", "vqa", "--variants", "d9"], "has no variant 'd9'"),
        ([DEMO, "--data", "DATA", "--task", "vqa", "--variants", ","], "--variants is empty"),
        ([DEMO, "--data", "DATA", "--task", "retrieval"], "they have nothing in common"),
        ([DEMO, "--data", "DATA", "--format", "coco"], "it looks like jsonl"),
        (["http://127.0.0.1:9", "--data", "DATA"], "start it with otmv serve"),
        (["nowhere", "--data", "DATA"], "nowhere"),
    ],
)
def test_what_cannot_be_measured_is_one_line(words: list[str], said: str, data: Path) -> None:
    code, out, err = run(*(word.replace("DATA", str(data)) for word in words))
    assert (code, out) == (1, "")
    assert said in err
    assert err.count("\n") == 1


def test_data_of_a_checkpoint_may_be_the_name_of_a_package(
    checkpoint: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run(checkpoint, "--data", "gone")
    assert (code, "there is no folder gone" in err) == (1, True)
    SETS["easy-vqa"](data / "site/easy_vqa/data")
    (data / "site/easy_vqa/__init__.py").touch()
    monkeypatch.syspath_prepend(data / "site")
    code, out, err = run(checkpoint, "--data", "easy-vqa", "--split", "train")
    assert code == 0, err
    assert f"{PICTURES} examples" in out
