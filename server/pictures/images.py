"""Safe decoding of pictures: nothing is decoded before its header passed the limits.

Every mode ends as 8-bit RGB: transparency is composited on white, 16-bit samples keep their high
byte, EXIF orientation is applied, and of an animation only the first frame is read.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from server.errors import ImageError, ImageNotRecognised, ImageTooManyPixels, ImageUnreadable

ACCEPTED_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_WHITE = (255, 255, 255, 255)
_TRANSPARENT_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})


@dataclass(frozen=True)
class PictureHeader:
    """What a picture says about itself before any pixel is decoded."""

    format: str
    width: int
    height: int

    @property
    def megapixels(self) -> float:
        """Return the number of pixels in millions."""
        return self.width * self.height / 1e6


@dataclass
class Picture:
    """An encoded picture whose header passed the limits; `name` is what errors call it."""

    data: bytes
    header: PictureHeader
    name: str = "image"


@contextmanager
def naming_picture(name: str) -> Iterator[None]:
    """Let what is wrong with a picture say which one it is."""
    try:
        yield
    except ImageError as error:
        error.name = name
        raise


def prepare_decoders() -> None:
    """Load every Pillow plugin, so that the first request does not pay for it.

    Pillow's warnings about odd files are silenced: our own limits judge them, and a caller could
    fill the log with them.
    """
    Image.init()
    warnings.filterwarnings("ignore", module=r"PIL\.")


def read_header(data: bytes, max_pixels: int) -> PictureHeader:
    """Read format and size of a picture and check the pixel limit; decode nothing.

    Raises:
        ImageNotRecognised: the bytes are not in an accepted format.
        ImageTooManyPixels: width x height exceeds `max_pixels`.
        ImageUnreadable: the format is known but the header is damaged.
    """
    with _open(data, max_pixels) as image:
        kind = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: several JPEGs in one
        header = PictureHeader(kind, image.width, image.height)
    if header.width < 1 or header.height < 1:
        raise ImageUnreadable("it has no pixels")
    if header.width * header.height > max_pixels:
        raise ImageTooManyPixels(header.width, header.height, max_pixels)
    return header


def decode_rgb(data: bytes, max_pixels: int) -> Image.Image:
    """Decode a picture to an upright 8-bit RGB image.

    Raises:
        ImageNotRecognised, ImageTooManyPixels: as `read_header`.
        ImageUnreadable: the data is damaged or cut off.
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
    if image.mode in _DEEP_MODES:
        image = _from_deep(image)
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, _WHITE)
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _open(data: bytes, max_pixels: int) -> Image.Image:
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
    """Apply the EXIF orientation; damaged EXIF data counts as none."""
    try:
        return ImageOps.exif_transpose(image)
    except MemoryError:  # ours, not the picture's
        raise
    except Exception:  # EXIF is third-party data; the pixels are still good
        return image


def _from_deep(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float gray samples to 8 bits."""
    samples = np.asarray(image, dtype=np.float64)
    samples = np.nan_to_num(samples, nan=0.0, posinf=65535.0, neginf=0.0)
    peak = float(samples.max(initial=0.0))
    if image.mode == "F" and peak <= 1.0:
        samples = samples * 255.0
    elif image.mode.startswith("I;16") or peak > 255.0:
        samples = samples / 257.0
    return Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8), "L")


def _reason(error: Exception) -> str:
    """Return a short, single-line reason that quotes nothing from the machine."""
    text = " ".join(str(error).split())
    return text[:120] if text and "/" not in text else type(error).__name__
