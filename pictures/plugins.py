"""Where Pillow's plugins read a picture in another way than its format says, this mends it."""

from __future__ import annotations

import io
import itertools
import struct

import numpy as np
from PIL import BmpImagePlugin, GifImagePlugin, Image, ImagePalette, TiffImagePlugin

from pictures.png_chunks import PngPixels
from pictures.rgb import bands, to_rgb

_WHITE, _BLACK = 0, 1
_UNSIGNED = 1
_DEEP_GREY = {12: ("I;16", "I;12"), 16: ("I;16", "I;16"), 32: ("I", "I;32N")}
"""Mode and order of bytes; libtiff gives them as this machine has them."""
_BMP_INFO = 14
_OLD_HEADER_BYTES = 12
_GREY_BITS = {"1": 1, "L": 8}
_PALETTE_FORMS = {1: "P;1", 4: "P;4", 8: "P"}


def mend_plugins() -> None:
    """Let libtiff read every TIFF, and know every deep grey that it can read.

    Pillow's own reader takes planes of 16 bits for planes of 8.
    """
    TiffImagePlugin.READ_LIBTIFF = True
    for order in (TiffImagePlugin.II, TiffImagePlugin.MM):
        for zero_is, depth in itertools.product((_WHITE, _BLACK), _DEEP_GREY):
            key = (order, zero_is, (_UNSIGNED,), 1, (depth,), ())
            TiffImagePlugin.OPEN_INFO.setdefault(key, _DEEP_GREY[depth])


def mended(image: Image.Image, data: bytes | bytearray) -> Image.Image:
    """Load an opened picture and return it as its format says."""
    if isinstance(image, BmpImagePlugin.BmpImageFile):
        _keep_palette(image, data)
    image.load()
    if isinstance(image, GifImagePlugin.GifImageFile):
        return _clear_outside(image)
    return _with_alpha_that_is_used(image)


def with_key(image: Image.Image, png: PngPixels) -> Image.Image:
    """Load an opened PNG whose transparent colour is `png.key`."""
    if image.mode == "RGB" and png.depth > 8:
        return _with_deep_key(image, png)
    scale = 1 if png.depth > 8 else 255 // ((1 << png.depth) - 1)
    key = tuple(value * scale for value in png.key)
    image.load()
    image.info["transparency"] = key if len(key) > 1 else key[0]
    return image


def _with_deep_key(high: Image.Image, png: PngPixels) -> Image.Image:
    """Return a picture of 3 × 16 bits with alpha. Pillow keeps the high bytes of its samples only,
    so it is decoded again for the low ones, by naming the other byte order."""
    low = Image.open(io.BytesIO(png.data), formats=["PNG"])
    low.tile = [tile._replace(args="RGB;16L") for tile in low.tile]
    alpha = Image.new("L", high.size)
    key = np.array(png.key)
    for (top, above), (_, below) in zip(bands(high), bands(low), strict=True):
        same = (np.asarray(above) == key >> 8) & (np.asarray(below) == key & 255)
        alpha.paste(Image.fromarray(np.where(same.all(axis=2), 0, 255).astype(np.uint8)), (0, top))
    high.putalpha(alpha)
    return high


def _keep_palette(image: BmpImagePlugin.BmpImageFile, data: bytes | bytearray) -> None:
    """Undo Pillow's replacing a palette of grey by a grey mode, right for 1 and 8 bits only.

    A palette of black and white has two entries also in a file of 8 bits a pixel.
    """
    size, _, _, _, bits = struct.unpack_from("<IiiHH", data, _BMP_INFO)
    if size == _OLD_HEADER_BYTES or bits == _GREY_BITS.get(image.mode, bits):
        return
    (count,) = struct.unpack_from("<I", data, _BMP_INFO + 32)
    colours = bytes(data[_BMP_INFO + size :][: 4 * (count or 1 << bits)])
    image._mode = "P"
    image.palette = ImagePalette.raw("BGRX", colours)
    tile = image.tile[0]
    if tile.codec_name == "raw" and isinstance(tile.args, tuple):
        image.tile = [tile._replace(args=(_PALETTE_FORMS[bits], *tile.args[1:]))]


def _with_alpha_that_is_used(image: Image.Image) -> Image.Image:
    """Return a BMP without alpha where all of it is 0: some writers leave it so."""
    if image.format != "BMP" or image.mode != "RGBA":
        return image
    return image.convert("RGB") if image.getchannel("A").getextrema() == (0, 0) else image


def _clear_outside(image: GifImagePlugin.GifImageFile) -> Image.Image:
    """Return a GIF with white where its first frame does not reach: the screen is transparent."""
    frame = image.dispose_extent
    if frame is None or frame == (0, 0, *image.size):
        return image
    whole = Image.new("RGB", image.size, "white")
    whole.paste(to_rgb(image.crop(frame)), frame[:2])
    return whole
