from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tuning.labelled import GREY, from_folder, generated
from tuning.world.dataset import write_world
from tuning.world.errors import WorldError

SIDE = 64


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worlds") / "w"
    write_world(folder, count=3, seed=9, questions_per_picture=4)
    return folder


def test_a_folder_is_the_generated_world(world: Path) -> None:
    folder, made = from_folder(world, SIDE), generated(9, 3, 4, SIDE)
    assert np.array_equal(folder.pixels, made.pixels)
    assert (folder.questions, folder.objects) == (made.questions, made.objects)
    assert folder.statements == made.statements
    assert [(each.left, each.right) for each in made.statements] == [(0, 1)] * 2 + [(1, 2)] * 2
    assert folder.pixels.shape == (3, SIDE, SIDE, 3)
    assert len(folder.questions) == 12


def test_blank_pictures_are_grey() -> None:
    data = generated(9, 2, 4, SIDE)
    blank = data.blank()
    assert bool((blank.pixels == GREY).all())
    assert blank.pixels.shape == data.pixels.shape
    assert (blank.questions, blank.statements) == (data.questions, data.statements)


def test_a_missing_picture(world: Path) -> None:
    picture = world / "images" / "000001.jpg"
    kept = picture.read_bytes()
    picture.write_bytes(b"no picture")
    try:
        with pytest.raises(WorldError, match=r"000001\.jpg"):
            from_folder(world, SIDE)
    finally:
        picture.write_bytes(kept)


def test_a_world_from_before_there_were_statements(world: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(world, old, ignore=shutil.ignore_patterns("nlvr2.jsonl"))
    with pytest.raises(WorldError, match=r"no nlvr2\.jsonl\): write it anew") as caught:
        from_folder(old, SIDE)
    assert "\n" not in str(caught.value)
