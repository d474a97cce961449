from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tuning.world.captions import phrases
from tuning.world.dataset import (
    CaptionRecord,
    Nlvr2Record,
    VqaRecord,
    example,
    pair,
    read_captions,
    read_pairs,
    read_vqa,
    write_world,
)
from tuning.world.errors import WorldError
from tuning.world.render import render


def test_what_is_written_is_read_back(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    write_world(tmp_path / "a" / "w", 3, 7, 4, on_progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    questions, captions = read_vqa(tmp_path / "a" / "w"), read_captions(tmp_path / "a" / "w")
    assert (len(questions), len(captions)) == (12, 3)
    scene, asked, caption = example(7, 2, 4)
    assert captions[2] == CaptionRecord("images/000002.jpg", caption, tuple(phrases(scene)))
    assert questions[8:] == [
        VqaRecord("images/000002.jpg", each.question, each.answer, each.kind) for each in asked
    ]
    images = ("images/000001.jpg", "images/000002.jpg")
    pairs = read_pairs(tmp_path / "a" / "w")
    assert len(pairs) == 4
    assert pairs[2:] == [
        Nlvr2Record(*images, each.text, each.truth, each.kind) for each in pair(7, 2, 2)
    ]
    with Image.open(tmp_path / "a" / "w" / captions[2].image) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (128, 128))
        difference = np.abs(np.asarray(picture, np.float32) - np.asarray(render(scene), np.float32))
    assert difference.mean() < 6


def test_a_longer_world_starts_with_the_shorter_one(tmp_path: Path):
    write_world(tmp_path / "short", 2, 1)
    write_world(tmp_path / "long", 4, 1)
    assert read_vqa(tmp_path / "long")[:12] == read_vqa(tmp_path / "short")
    assert read_pairs(tmp_path / "long")[:2] == read_pairs(tmp_path / "short")
    image = "images/000001.jpg"
    assert (tmp_path / "long" / image).read_bytes() == (tmp_path / "short" / image).read_bytes()


def test_an_empty_folder_may_be_filled_but_nothing_is_overwritten(tmp_path: Path):
    out = tmp_path / "w"
    out.mkdir()
    write_world(out, 1, 0)
    with pytest.raises(WorldError, match="already there: choose a new folder"):
        write_world(out, 1, 0)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(WorldError, match="already there"):
        write_world(tmp_path / "file", 1, 0)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("count", "seed", "questions", "words"),
    [
        (0, 0, 6, "cannot make 0 pictures: ask for at least 1"),
        (-3, 0, 6, "cannot make -3 pictures"),
        (1, -1, 6, "seed -1 is out of range"),
        (1, 0, 0, "cannot ask 0 questions per picture: use 1 to 32"),
        (1, 0, 33, "cannot ask 33 questions per picture"),
    ],
)
def test_impossible_orders_are_refused(tmp_path: Path, count, seed, questions, words):
    with pytest.raises(WorldError, match=words):
        write_world(tmp_path / "w", count, seed, questions)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(WorldError, match=r"No space left on device\): free some space") as caught:
        write_world(tmp_path / "w", 2, 0)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_world(tmp_path / "w", 2, 0, on_progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_world_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorldError, match=r"cannot write .*: free some space or choose"):
        write_world(tmp_path / "file" / "w", 1, 0)


def test_a_world_from_before_there_were_statements_says_so(tmp_path: Path):
    write_world(tmp_path / "w", 1, 0)
    assert read_pairs(tmp_path / "w") == [], "one picture has none beside it"
    (tmp_path / "w" / "nlvr2.jsonl").unlink()
    with pytest.raises(WorldError, match=r"no nlvr2\.jsonl\): write it anew"):
        read_pairs(tmp_path / "w")


@pytest.mark.parametrize("reader", [read_vqa, read_captions, read_pairs])
def test_a_missing_world_says_how_to_make_one(tmp_path: Path, reader):
    with pytest.raises(WorldError, match="is missing: make a world with `otmv world"):
        reader(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"image": "a.jpg"}', '{"image": 1, "question": "", "answer": "", "kind": "x"}'],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str):
    good = '{"image": "a.jpg", "question": "q?", "answer": "yes", "kind": "existence"}'
    (tmp_path / "vqa.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(WorldError, match=r"vqa\.jsonl:2 is broken \(.*\): write") as caught:
        read_vqa(tmp_path)
    assert "\n" not in str(caught.value)


def test_bytes_that_are_no_text_are_a_world_error(tmp_path: Path):
    (tmp_path / "caption.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(WorldError, match="cannot read"):
        read_captions(tmp_path)


def test_the_world_does_not_load_torch():
    code = "import sys, tuning.world.dataset; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
