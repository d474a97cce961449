"""Reading a picture's header without decoding: bounded in bytes and steps, whatever was sent.

The only code that looks into a client's picture in the server's own process. Each format's module
refuses what would make a decoder work or allocate out of proportion to the picture's size.
"""

from __future__ import annotations

from collections.abc import Callable

from pictures.errors import (
    ImageNotRecognised,
    ImageTooManyBytes,
    ImageTooManyPixels,
    ImageUnreadable,
)
from pictures.headers import bmp, gif, jpeg, png, tiff, webp
from pictures.headers.reading import CutOff
from pictures.picture import ACCEPTED_FORMATS, LIMIT_BYTES_PER_PIXEL, PictureHeader

_Read = Callable[[bytes | bytearray], PictureHeader]
_BY_SIGNATURE: tuple[tuple[bytes, _Read], ...] = (
    (b"\xff\xd8\xff", jpeg.read),
    (b"\x89PNG\r\n\x1a\n", png.read),
    (b"GIF87a", gif.read),
    (b"GIF89a", gif.read),
    (b"BM", bmp.read),
    (b"II*\0", tiff.read),
    (b"MM\0*", tiff.read),
    (b"II+\0", tiff.read),
    (b"MM\0+", tiff.read),
)


def read_header(data: bytes | bytearray, max_pixels: int) -> PictureHeader:
    """Read format and size of a picture and check every limit; decode nothing.

    Raises:
        ImageNotRecognised: the bytes are not in an accepted format.
        ImageTooManyPixels: width x height exceeds `max_pixels`.
        ImageTooManyBytes: decoding takes more memory than any picture of `max_pixels` may.
        ImageTooComplex: decoding takes longer than a picture of that size may.
        ImageUnreadable: the format is known but the header is damaged.
    """
    try:
        header = _reader_of(data)(data)
    except CutOff as error:
        raise ImageUnreadable("its header is cut off or damaged") from error
    if header.width < 1 or header.height < 1:
        raise ImageUnreadable("it has no pixels")
    if header.width * header.height > max_pixels:
        raise ImageTooManyPixels(header.width, header.height, max_pixels)
    limit_bytes = LIMIT_BYTES_PER_PIXEL * max_pixels
    if header.decoded_bytes > limit_bytes:
        raise ImageTooManyBytes(header.decoded_bytes, limit_bytes)
    return header


def _reader_of(data: bytes | bytearray) -> _Read:
    start = bytes(data[:12])
    for signature, read in _BY_SIGNATURE:
        if start.startswith(signature):
            return read
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return webp.read
    raise ImageNotRecognised(ACCEPTED_FORMATS)
