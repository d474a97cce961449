"""Safe decoding of pictures, in a worker process.

Every mode ends as 8-bit RGB: transparency is composited on white, 16-bit samples keep their high
byte, EXIF orientation is applied, and of an animation only the first frame is read. What takes
several copies of the pixels is done in bands of rows, so that memory stays near one copy.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from server.errors import ImageNotRecognised, ImageTooManyPixels, ImageUnreadable
from server.pictures.picture import ACCEPTED_FORMATS

_WHITE = (255, 255, 255, 255)
_TRANSPARENT_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_BAND_PIXELS = 1_000_000


def prepare_decoders() -> None:
    """Load every Pillow plugin, so that the first request does not pay for it.

    Pillow's warnings about odd files are silenced: our own limits judge them, and a caller could
    fill the log with them.
    """
    Image.init()
    warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_rgb(data: bytes | bytearray, max_pixels: int) -> Image.Image:
    """Decode a picture to an upright 8-bit RGB image.

    Raises:
        ImageNotRecognised: the bytes are not in an accepted format.
        ImageTooManyPixels: width x height exceeds `max_pixels`.
        ImageUnreadable: the data is damaged or cut off.
        MemoryError: decoding needs more memory than this process may have.
    """
    with _open(data, max_pixels) as image:
        if image.width * image.height > max_pixels:
            raise ImageTooManyPixels(image.width, image.height, max_pixels)
        try:
            image.load()
            return to_rgb(_upright(image))
        except MemoryError:  # ours, not the picture's
            raise
        except Exception as error:  # Pillow's plugins raise whatever damaged data makes them raise
            raise ImageUnreadable(_reason(error)) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB; transparent pixels become white."""
    deep = image.mode in _DEEP_MODES
    if not deep and image.mode not in _TRANSPARENT_MODES and "transparency" not in image.info:
        return image if image.mode == "RGB" else image.convert("RGB")
    units = _units_per_step(image) if deep else 1.0
    whole = Image.new("RGB", image.size)
    for top, band in _bands(image):
        shallow = _from_deep(band, units) if deep else band
        whole.paste(_flattened(shallow), (0, top))
    return whole


def _open(data: bytes | bytearray, max_pixels: int) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=ACCEPTED_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageTooManyPixels(None, None, max_pixels) from error
    except UnidentifiedImageError as error:
        raise ImageNotRecognised(ACCEPTED_FORMATS) from error
    except MemoryError:  # ours, not the picture's
        raise
    except Exception as error:  # a damaged header can raise anything
        raise ImageUnreadable(_reason(error)) from error


def _upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation in place; damaged EXIF data counts as none."""
    try:
        ImageOps.exif_transpose(image, in_place=True)
    except MemoryError:  # ours, not the picture's
        raise
    except Exception:  # EXIF is third-party data; the pixels are still good
        pass
    return image


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield bands of whole rows, each with the row it begins at."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _flattened(image: Image.Image) -> Image.Image:
    """Return a band as RGB, what is transparent on white."""
    if image.mode not in _TRANSPARENT_MODES and "transparency" not in image.info:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, _WHITE)
    return Image.alpha_composite(ground, rgba).convert("RGB")


def _samples(image: Image.Image) -> NDArray[np.float64]:
    samples = np.asarray(image, dtype=np.float64)
    return np.nan_to_num(samples, nan=0.0, posinf=65535.0, neginf=0.0)


def _units_per_step(image: Image.Image) -> float:
    """Return how many of a 16-bit, 32-bit or float picture's units are one of 8 bits."""
    if image.mode.startswith("I;16"):
        return 257.0
    peak = max(float(_samples(band).max(initial=0.0)) for _, band in _bands(image))
    if image.mode == "F" and peak <= 1.0:
        return 1 / 255.0
    return 257.0 if peak > 255.0 else 1.0


def _from_deep(image: Image.Image, units: float) -> Image.Image:
    """Bring 16-bit, 32-bit and float gray samples to 8 bits."""
    samples = _samples(image)
    samples = samples * 255.0 if units < 1.0 else samples / units
    return Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8), "L")


def _reason(error: Exception) -> str:
    """Return a short, single-line reason that quotes nothing from the machine."""
    text = " ".join(str(error).split())
    return text[:120] if text and "/" not in text and "0x" not in text else type(error).__name__
