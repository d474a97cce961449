"""Examples in a few flat arrays: half a million take little memory, and no reference counts.

Python objects that a worker process only looks at are copied page by page, because looking changes
their reference counts; arrays of numbers and bytes are not.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from tuning.data.example import DataExample

_NO_TEXT = "\0"
"""Stands for None among texts; no text of a file holds it."""


class TextColumn:
    """Texts in one array of bytes."""

    def __init__(self, data: NDArray[np.uint8], ends: NDArray[np.int64]) -> None:
        self._data, self._ends = data, ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, at: int) -> str:
        begin = int(self._ends[at - 1]) if at else 0
        return self._data[begin : int(self._ends[at])].tobytes().decode()


class _Texts:
    """Texts being gathered; those that come again are kept once."""

    def __init__(self, *, once: bool) -> None:
        self._data, self._ends = bytearray(), array("q")
        self._known: dict[str, int] | None = {} if once else None

    def add(self, text: str) -> int:
        if self._known is not None and (at := self._known.get(text)) is not None:
            return at
        self._data += text.encode(errors="replace")
        self._ends.append(len(self._data))
        if self._known is not None:
            self._known[text] = len(self._ends) - 1
        return len(self._ends) - 1

    def column(self) -> TextColumn:
        return TextColumn(np.frombuffer(bytes(self._data), np.uint8), np.array(self._ends))


class _Lists:
    """Lists of whole numbers being gathered."""

    def __init__(self) -> None:
        self._values, self._ends = array("i"), array("q")

    def add(self, values: Iterable[int]) -> None:
        self._values.extend(values)
        self._ends.append(len(self._values))

    def column(self) -> ListColumn:
        return ListColumn(np.array(self._values, np.int32), np.array(self._ends))


class ListColumn:
    """Lists of whole numbers in one array."""

    def __init__(self, values: NDArray[np.int32], ends: NDArray[np.int64]) -> None:
        self.values, self._ends = values, ends

    def __getitem__(self, at: int) -> list[int]:
        begin = int(self._ends[at - 1]) if at else 0
        return [int(each) for each in self.values[begin : int(self._ends[at])]]


class ExampleTable(Sequence[DataExample]):
    """Examples, in the order they were added; immutable.

    Args:
        examples: all of them; each is forgotten once it is taken over.
    """

    def __init__(self, examples: Iterable[DataExample]) -> None:
        ids, texts = _Texts(once=False), _Texts(once=True)
        pictures, answers, kinds = (_Texts(once=True) for _ in range(3))
        text_of = array("i")
        pictures_of, answers_of, kinds_of, tokens_of = (_Lists() for _ in range(4))
        for each in examples:
            ids.add(each.id)
            text_of.append(texts.add(_NO_TEXT if each.text is None else each.text))
            pictures_of.add(map(pictures.add, each.pictures))
            answers_of.add(map(answers.add, each.answers))
            kinds_of.add(map(kinds.add, each.kinds))
            tokens_of.add(each.tokens)
        self._ids, self._texts = ids.column(), texts.column()
        self._text_of = np.array(text_of, np.int32)
        self.picture_names, self.answer_texts = pictures.column(), answers.column()
        self._kinds, self._tokens_of = kinds.column(), tokens_of.column()
        self._pictures_of, self._answers_of = pictures_of.column(), answers_of.column()
        self._kinds_of = kinds_of.column()

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, at: int) -> DataExample: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[DataExample]: ...
    def __getitem__(self, at: int | slice) -> DataExample | Sequence[DataExample]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        if at < 0:
            at += len(self)
        if not 0 <= at < len(self):
            raise IndexError(at)
        text = self._texts[int(self._text_of[at])]
        return DataExample(
            self._ids[at],
            tuple(map(self.picture_names.__getitem__, self._pictures_of[at])),
            None if text == _NO_TEXT else text,
            tuple(map(self.answer_texts.__getitem__, self._answers_of[at])),
            tuple(map(self._kinds.__getitem__, self._kinds_of[at])),
            tuple(self._tokens_of[at]),
        )

    @property
    def answers_given(self) -> NDArray[np.int64]:
        """How often each text of `answer_texts` was given: int64 `[texts]`."""
        return np.bincount(self._answers_of.values, minlength=len(self.answer_texts))
