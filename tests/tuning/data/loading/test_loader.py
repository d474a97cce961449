"""Batches: the same ones whatever makes them, and what becomes of bad pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pictures.blocking import BlockingDecoder
from tests.tuning.data.reading import written
from tuning.data.loading.augment import BEIT3, Augmentation
from tuning.data.loading.loader import BatchLoader, DataBatch, LoadedAs
from tuning.data.loading.order import BatchOrder
from tuning.data.pixels import read_pixels
from tuning.data.problems import DataError, ProblemKind, Problems
from tuning.data.sets import DataSet, load, open_folder

SIDE_PX = 16


def part(folder: Path, task: str, split: str) -> DataSet:
    opened = open_folder(folder)
    return load(opened, task, split, opened.problems())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return part(written("vqav2", tmp_path_factory.mktemp("data")), "vqa", "train")


def loaded(
    data: DataSet,
    first: int,
    end: int,
    augmentation: Augmentation | None = BEIT3,
    workers: int = 0,
    order: BatchOrder | None = None,
) -> list[DataBatch]:
    order = order or BatchOrder(len(data.examples), 4, seed=7)
    loader = BatchLoader(data, order, LoadedAs(SIDE_PX, augmentation, workers), Problems())
    return list(loader.batches(first, end))


def same(one: DataBatch, other: DataBatch) -> bool:
    return one.examples == other.examples and bool((one.pixels == other.pixels).all())


def test_batches_are_the_same_in_workers_and_after_a_resume(data: DataSet) -> None:
    here = loaded(data, 0, 5)
    there = loaded(data, 0, 5, workers=2)
    resumed = loaded(data, 3, 5)
    assert [each.number for each in there] == [0, 1, 2, 3, 4]
    assert all(map(same, here, there))
    assert all(map(same, here[3:], resumed))
    assert not same(here[0], here[2])  # another epoch: another order, other draws


def test_two_processes_have_the_halves_of_one(data: DataSet) -> None:
    (whole,) = loaded(data, 1, 2)
    halves = [
        loaded(data, 1, 2, order=BatchOrder(len(data.examples), 4, 7, rank, 2))[0]
        for rank in range(2)
    ]
    assert whole.examples == halves[0].examples + halves[1].examples
    pixels = np.concatenate([each.pixels.numpy() for each in halves])
    assert np.array_equal(whole.pixels.numpy(), pixels)


def test_without_augmentation_pixels_are_what_a_server_sees(data: DataSet) -> None:
    (batch,) = loaded(data, 0, 1, augmentation=None)
    assert batch.pixels.shape == (4, SIDE_PX, SIDE_PX, 3)
    with BlockingDecoder() as decoder:
        for example, pixels in zip(batch.examples, batch.pixels.numpy(), strict=True):
            wanted = read_pixels(Path(example.pictures[0]), decoder, SIDE_PX)
            assert np.array_equal(pixels, wanted)


def test_statements_bring_both_pictures(tmp_path: Path) -> None:
    data = part(written("nlvr2", tmp_path), "reason", "dev")
    (batch,) = loaded(data, 0, 1)
    assert batch.pixels.shape == (4, 2, SIDE_PX, SIDE_PX, 3)


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_pictures_are_skipped_counted_and_listed(tmp_path: Path, workers: int) -> None:
    data = part(written("jsonl", tmp_path), "vqa", "train")
    bad = tmp_path / "jsonl/pictures/2.png"
    bad.write_bytes(bad.read_bytes()[:200])
    problems = Problems()
    order = BatchOrder(len(data.examples), 4, seed=1)
    loader = BatchLoader(data, order, LoadedAs(SIDE_PX, None, workers), problems)
    batches = list(loader.batches(0, 3))
    assert all(len(batch.examples) == 4 for batch in batches)
    assert not any(str(bad) in each.pictures for batch in batches for each in batch.examples)
    assert [path for path, _ in batches[0].bad] == [str(bad)]
    assert problems.counts == {ProblemKind.PICTURE: 1}  # once, though every epoch meets it
    assert str(problems.first(ProblemKind.PICTURE)[0]).startswith(f"{bad}: is damaged")


@pytest.mark.parametrize("workers", [0, 1])
def test_only_bad_pictures_are_one_line(tmp_path: Path, workers: int) -> None:
    data = part(written("jsonl", tmp_path), "vqa", "train")
    for path in (tmp_path / "jsonl/pictures").iterdir():
        path.write_bytes(b"bad")
    with pytest.raises(DataError, match="16 examples of jsonl train") as caught:
        loaded(data, 0, 1, workers=workers)
    assert "have bad pictures, the last is" in str(caught.value)
    assert "\n" not in str(caught.value)
