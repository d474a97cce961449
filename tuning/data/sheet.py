"""A contact sheet: examples with question and answer under each picture, as one PNG."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from artifact.task import TASKS
from pictures.blocking import BlockingDecoder
from tuning.data.example import DataExample
from tuning.data.pixels import BadPicture, read_pixels
from tuning.data.sets import DataSet

SHOWN = 10
"""Examples on a sheet."""

_COLUMNS = 5
_CELL_PX, _GAP_PX, _LINE_PX, _FONT_PX = 220, 12, 17, 13
_BETWEEN_PX = 4
_LINES, _LETTERS = 7, 34
_GROUND, _INK, _QUIET = "white", "#1a1a1a", "#777777"
_TOKENS_SHOWN = 12


@dataclass(frozen=True)
class _SheetCell:
    """What stands in one place of the sheet."""

    title: str
    pictures: tuple[Path, ...]
    lines: tuple[str, ...]

    @property
    def side_px(self) -> int:
        """Side of each picture: several stand beside each other."""
        count = max(1, len(self.pictures))
        return (_CELL_PX - (count - 1) * _BETWEEN_PX) // count


def contact_sheet(parts: Sequence[DataSet], decoder: BlockingDecoder) -> Image.Image:
    """Draw up to `SHOWN` examples, the same number of each part as far as there are.

    Args:
        parts: from which examples are taken, evenly spread.
        decoder: for the pictures; one that cannot be decoded is drawn as a crossed square.
    """
    cells = [_cell(data, data.examples[at]) for data, at in _spread(parts)]
    rows = -(-max(1, len(cells)) // _COLUMNS)
    most_lines = 1 + max((len(cell.lines) for cell in cells), default=0)
    picture_px = max((cell.side_px for cell in cells), default=0)
    height = _GAP_PX + rows * (picture_px + most_lines * _LINE_PX + 2 * _GAP_PX)
    sheet = Image.new("RGB", (_GAP_PX + _COLUMNS * (_CELL_PX + _GAP_PX), height), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_PX)
    for number, cell in enumerate(cells):
        row, column = divmod(number, _COLUMNS)
        left = _GAP_PX + column * (_CELL_PX + _GAP_PX)
        top = _GAP_PX + row * (height - _GAP_PX) // rows
        _draw_pictures(sheet, draw, cell, (left, top), decoder)
        below = top + picture_px + 3
        draw.text((left, below), cell.title, _QUIET, font)
        for place, line in enumerate(cell.lines, 1):
            draw.text((left, below + place * _LINE_PX), line, _INK, font)
    return sheet


def _spread(parts: Sequence[DataSet]) -> Iterator[tuple[DataSet, int]]:
    """Yield places of examples: of each part in turn, evenly from its first on."""
    filled = [data for data in parts if len(data.examples)][:SHOWN]
    for number, data in enumerate(filled):
        wanted = (number + 1) * SHOWN // len(filled) - number * SHOWN // len(filled)
        count = min(wanted, len(data.examples))
        for place in range(count):
            yield data, place * len(data.examples) // count


def _cell(data: DataSet, example: DataExample) -> _SheetCell:
    lines: list[str] = []
    if example.text is not None:
        named = TASKS[data.task].text or " "
        lines += _wrapped(f"{named[0].upper()}: {example.text}")
    elif example.tokens:
        ids = " ".join(map(str, example.tokens[:_TOKENS_SHOWN]))
        lines += _wrapped(f"token ids {ids}{' …' if len(example.tokens) > _TOKENS_SHOWN else ''}")
    counted = Counter(example.answers).most_common()
    answers = [f"{text} ({times})" if times > 1 else text for text, times in counted]
    lines += _wrapped(f"A: {' / '.join(answers)}" if answers else "A: kept secret")
    if len(lines) > _LINES:
        lines = [*lines[: _LINES - 1], f"{lines[_LINES - 1][: _LETTERS - 2]} …"]
    title = f"{data.task} · {data.split} · {example.id}"
    title = title if len(title) <= _LETTERS else f"{title[: _LETTERS - 1]}…"
    return _SheetCell(title, tuple(map(Path, example.pictures)), tuple(lines))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), _LETTERS)


def _draw_pictures(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    cell: _SheetCell,
    corner: tuple[int, int],
    decoder: BlockingDecoder,
) -> None:
    """Paste a cell's pictures beside each other, squared as a model sees them."""
    side_px = cell.side_px
    for number, path in enumerate(cell.pictures):
        left, top = corner[0] + number * (side_px + _BETWEEN_PX), corner[1]
        try:
            sheet.paste(Image.fromarray(read_pixels(path, decoder, side_px)), (left, top))
        except BadPicture:
            box = (left, top, left + side_px - 1, top + side_px - 1)
            draw.rectangle(box, outline=_QUIET)
            draw.line(box, _QUIET)
