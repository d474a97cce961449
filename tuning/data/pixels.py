"""Pixels of picture files, decoded as the server decodes what strangers send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pictures.blocking import BlockingDecoder
from pictures.errors import (
    ImageError,
    ImageNotRecognised,
    ImageTooComplex,
    ImageTooManyPixels,
    ImageUnreadable,
)
from pictures.picture import PictureHeader
from pictures.view import WHOLE, View
from tuning.data.picture_files import MOST_BYTES, problem_of_file

_LOOKED_AT_PX = 32


class BadPicture(Exception):
    """A picture cannot be used; the message says why, and what mends it."""


def read_pixels(
    path: Path,
    decoder: BlockingDecoder,
    side_px: int,
    view_of: Callable[[PictureHeader], View] = lambda header: WHOLE,
) -> NDArray[np.uint8]:
    """Return a picture file as uint8 `[side, side, 3]`.

    Args:
        path: of the file.
        decoder: ours, or one that a thread has.
        side_px: of the result.
        view_of: chooses the part that is shown, by the picture's size.

    Raises:
        BadPicture: it is no file, or cannot be decoded.
    """
    if what := problem_of_file(path):
        raise BadPicture(what)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
        return decoder.decode(data, side_px, view_of)
    except OSError as error:
        raise BadPicture(f"cannot be read ({error.strerror}): copy it again") from error
    except ImageError as error:
        raise BadPicture(_reason(error)) from error


def why_unreadable(path: Path, decoder: BlockingDecoder) -> str | None:
    """Return why a picture cannot be used; None: it can."""
    try:
        read_pixels(path, decoder, _LOOKED_AT_PX, lambda header: View(reduced=True))
    except BadPicture as error:
        return str(error)
    return None


def _reason(error: ImageError) -> str:
    """Say it to someone who has the file, not to someone who sent it."""
    match error:
        case ImageNotRecognised():
            return f"is no picture of a known format ({', '.join(error.accepted)}): save it as one"
        case ImageTooManyPixels():
            return f"{error}".removeprefix(f"{error.name} ")
        case ImageTooComplex():
            return f"{error.reason}: save it again as a plain picture"
        case ImageUnreadable():
            return f"is damaged ({error.reason}): copy it again"
    return str(error)
