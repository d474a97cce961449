"""Batches of a data set, made in worker processes ahead of their use."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pictures.blocking import BlockingDecoder
from pictures.picture import PictureHeader
from pictures.view import View
from tuning.data.example import DataExample
from tuning.data.loading.augment import Augmentation, Pixels
from tuning.data.loading.order import BatchOrder
from tuning.data.pixels import BadPicture, read_pixels
from tuning.data.problems import DataError, ProblemKind, Problems
from tuning.data.sets import DataSet

_REPLACEMENTS = 16
"""Examples that are tried in place of one with a bad picture."""

_DRAWS = 1
"""Sets the draws of pictures apart from those of the order."""

_AHEAD = 3
"""Batches that each worker makes ahead."""


@dataclass(frozen=True)
class DataBatch:
    """Examples with their pictures.

    Attributes:
        number: of the batch, from 0, counted over all epochs.
        examples: with texts and answers, still words.
        pixels: uint8 `[b, side, side, 3]`; `[b, pictures, side, side, 3]` of a task with several.
        bad: pictures that were skipped, each with what is wrong; other examples took their places.
    """

    number: int
    examples: tuple[DataExample, ...]
    pixels: Tensor
    bad: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LoadedAs:
    """How pictures become pixels.

    Attributes:
        side_px: of the model's picture.
        augmentation: drawn anew for every picture; None: as a server sees it, to the bit.
        workers: processes that make batches; 0: none but this one.
    """

    side_px: int
    augmentation: Augmentation | None = None
    workers: int = 2


class BatchLoader:
    """Makes the batches of a run, in their fixed order.

    Args:
        data: what is loaded.
        order: which examples each batch has.
        loaded_as: how.
        problems: bad pictures are counted here, each once.
    """

    def __init__(
        self, data: DataSet, order: BatchOrder, loaded_as: LoadedAs, problems: Problems
    ) -> None:
        self._batches = _ExamplesByBatch(data, order, loaded_as)
        self._workers, self._problems = loaded_as.workers, problems

    def batches(self, first: int, end: int) -> Generator[DataBatch]:
        """Yield batches `first` to `end` - 1, counted over all epochs.

        Raises:
            DataError: nearly all pictures are bad.
        """
        loader: DataLoader[DataBatch | _Failure] = DataLoader(
            self._batches,
            batch_size=None,
            sampler=range(first, end),
            num_workers=self._workers,
            prefetch_factor=_AHEAD if self._workers else None,
        )
        try:
            for batch in loader:
                if isinstance(batch, _Failure):
                    raise DataError(batch.problem, batch.fix)
                for path, what in batch.bad:
                    self._problems.add(ProblemKind.PICTURE, path, what)
                yield batch
        finally:
            self._batches.close()


@dataclass(frozen=True)
class _Failure:
    """Why there is no batch: what a worker raises would arrive as text."""

    problem: str
    fix: str


class _ExamplesByBatch(Dataset[DataBatch | _Failure]):
    """Makes a batch from its number; a copy of it is in every worker, with a decoder of its own."""

    def __init__(self, data: DataSet, order: BatchOrder, loaded_as: LoadedAs) -> None:
        self._examples, self._order, self._as = data.examples, order, loaded_as
        self._name = data.name
        self._decoder: BlockingDecoder | None = None

    def __getitem__(self, number: int) -> DataBatch | _Failure:
        try:
            return self._batch(number)
        except DataError as error:
            return _Failure(error.problem, error.fix)

    def close(self) -> None:
        """End this process's decoder; those of workers end with them."""
        if self._decoder:
            self._decoder.close()
            self._decoder = None

    def _batch(self, number: int) -> DataBatch:
        examples: list[DataExample] = []
        pixels: list[Pixels] = []
        bad: list[tuple[str, str]] = []
        for place, index in enumerate(self._order.indices(number).tolist()):
            example, seen = self._usable(index, (number, place), bad)
            examples.append(example)
            pixels.append(seen)
        stacked = torch.from_numpy(np.stack(pixels))
        return DataBatch(number, tuple(examples), stacked, tuple(bad))

    def _usable(
        self, index: int, where: tuple[int, int], bad: list[tuple[str, str]]
    ) -> tuple[DataExample, Pixels]:
        """Return an example with its pixels; if its pictures are bad, one drawn in its place."""
        number, place = where
        order = self._order
        first = order.rank * (order.batch // order.processes)
        draw = np.random.default_rng([order.seed, number, first + place, _DRAWS])
        for _ in range(_REPLACEMENTS):
            example = self._examples[index]
            seen = self._pictures(example, draw, bad)
            if seen is not None:
                return example, seen[0] if len(seen) == 1 else np.stack(seen)
            index = int(draw.integers(len(self._examples)))
        path, what = bad[-1]
        problem = f"{_REPLACEMENTS} examples of {self._name} in turn have bad pictures"
        raise DataError(f"{problem}, the last is {path}, which {what}", "see otmv data check")

    def _pictures(
        self, example: DataExample, draw: np.random.Generator, bad: list[tuple[str, str]]
    ) -> list[Pixels] | None:
        """Return an example's pixels, picture by picture; None if one is bad, which is noted."""
        if self._decoder is None:
            self._decoder = BlockingDecoder()
        seen = []
        for path in example.pictures:
            try:
                seen.append(self._pixels(Path(path), self._decoder, draw))
            except BadPicture as error:
                bad.append((path, str(error)))
                return None
        return seen

    def _pixels(self, path: Path, decoder: BlockingDecoder, draw: np.random.Generator) -> Pixels:
        augmentation, side_px = self._as.augmentation, self._as.side_px
        if augmentation is None:
            return read_pixels(path, decoder, side_px)

        def view_of(header: PictureHeader) -> View:
            return augmentation.view(draw, header.width, header.height)

        return augmentation.changed(read_pixels(path, decoder, side_px, view_of), draw)
