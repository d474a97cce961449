"""Safe decoding of pictures, in a worker process.

Every mode ends as 8-bit RGB: transparency is composited on white, deeper samples are scaled to 8
bits, Exif orientation is applied, and of an animation only the first frame is read.
"""

from __future__ import annotations

import io
import warnings

from PIL import Image, UnidentifiedImageError

from pictures.errors import ImageNotRecognised, ImageTooManyPixels, ImageUnreadable
from pictures.orientation import upright
from pictures.picture import ACCEPTED_FORMATS
from pictures.plugins import mend_plugins, mended, with_key
from pictures.png_chunks import SIGNATURE, PngPixels, png_pixels
from pictures.rgb import to_rgb


def prepare_decoders() -> None:
    """Load every Pillow plugin, so that the first request does not pay for it.

    Pillow's warnings about odd files are silenced: our own limits judge them, and a caller could
    fill the log with them.
    """
    Image.init()
    mend_plugins()
    warnings.filterwarnings("ignore", module=r"PIL\.")


def decode_rgb(
    data: bytes | bytearray, max_pixels: int, least_px: int | None = None
) -> Image.Image:
    """Decode a picture to an upright 8-bit RGB image.

    `least_px`: sides that suffice; a JPEG is decoded at the smallest eighth that has them.

    Raises:
        ImageNotRecognised: the bytes are not in an accepted format.
        ImageTooManyPixels: width x height exceeds `max_pixels`.
        ImageUnreadable: the data is damaged or cut off.
        MemoryError: decoding needs more memory than this process may have.
    """
    png = png_pixels(data) if data[: len(SIGNATURE)] == SIGNATURE else None
    with _open(png.data if png else data, max_pixels) as image:
        if image.width * image.height > max_pixels:
            raise ImageTooManyPixels(image.width, image.height, max_pixels)
        if least_px is not None:
            image.draft("RGB", (least_px, least_px))  # does something for JPEG only
        try:
            return _decoded(image, data, png)
        except MemoryError:  # ours, not the picture's
            raise
        except Exception as error:  # Pillow's plugins raise whatever damaged data makes them raise
            raise ImageUnreadable(_reason(error)) from error


def _decoded(image: Image.Image, data: bytes | bytearray, png: PngPixels | None) -> Image.Image:
    whole = with_key(image, png) if png and png.key else mended(image, data)
    if image.format == "TIFF":  # Pillow has turned it
        return to_rgb(whole)
    return upright(to_rgb(whole), png.exif if png else image.info.get("exif", b""))


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


def _reason(error: Exception) -> str:
    """Return a short, single-line reason that quotes nothing from the machine."""
    text = " ".join(str(error).split())
    return text[:120] if text and "/" not in text and "0x" not in text else type(error).__name__
