"""Small pictures that cost far more to decode than pictures of their size should."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping


def bmp_runs(width: int = 20_000, height: int = 2000) -> bytes:
    """Return a BMP whose rows are one pixel and an end of line, which Pillow fills in Python."""
    palette = b"".join(struct.pack("<BBBB", i, 255 - i, i, 0) for i in range(256))
    data = b"\x01\x07\x00\x00" * height + b"\x00\x01"
    start = 14 + 40 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + palette + data


def jpeg_exif(count: int = 160_000) -> bytes:
    """Return a JPEG of many Exif segments; Pillow copies all earlier ones for each."""
    return b"\xff\xd8" + jpeg_segment(0xE1, b"Exif\0\0" + b"x" * 10) * count


def jpeg_comments(count: int = 1_000_000) -> bytes:
    """Return a JPEG of many empty comments."""
    return b"\xff\xd8" + jpeg_segment(0xFE, b"") * count


def jpeg_junk(size_bytes: int = 4_000_000) -> bytes:
    """Return a JPEG of bytes that are no segment, which Pillow skips one by one."""
    return b"\xff\xd8" + jpeg_segment(0xE0, b"") + b"\0" * size_bytes


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """Return one segment of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg_scans(width: int, height: int, scans: int) -> bytes:
    """Return a gray progressive JPEG: each of its scans is a pass over all pixels, in few bytes."""
    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    out = [b"\xff\xd8", jpeg_segment(0xDB, bytes([0] + [1] * 64))]
    size = struct.pack(">BHHB", 8, height, width, 1)
    out.append(jpeg_segment(0xC2, size + bytes([1, 0x11, 0])))
    out += [_huffman_table(0, 0, 0), _huffman_table(1, 0, 0xE0)]
    out.append(jpeg_segment(0xDA, bytes([1, 1, 0, 0, 0, 0])) + _coded("0" * blocks))
    empty = _coded(("0" + "1" * 14) * -(-blocks // 32_767))
    out.append(jpeg_segment(0xDA, bytes([1, 1, 0, 1, 63, 0x01])) + empty)
    out += [jpeg_segment(0xDA, bytes([1, 1, 0, 1, 63, 0x10])) + empty] * (scans - 2)
    return b"".join(out) + b"\xff\xd9"


def _huffman_table(kind: int, number: int, symbol: int) -> bytes:
    return jpeg_segment(0xC4, bytes([kind << 4 | number, 1] + [0] * 15 + [symbol]))


def _coded(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return data.replace(b"\xff", b"\xff\0")


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, depth: int, colour: int, extra: bytes = b"") -> bytes:
    """Return a square PNG of zeros; `extra` are chunks between its header and its pixels."""
    bits = {0: 1, 3: 1, 2: 3, 6: 4}[colour] * depth
    row = b"\0" * (1 + (side * bits + 7) // 8)
    pack = zlib.compressobj(9)
    data = b"".join(pack.compress(row) for _ in range(side)) + pack.flush()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, 0))
    end = png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + end


def png_chunks(count: int = 1_000_000) -> bytes:
    """Return a PNG of many empty chunks before its pixels."""
    return png(16, 8, 0, png_chunk(b"abCd", b"") * count)


def transparent_palette_png(side: int) -> bytes:
    """Return a PNG of one bit a pixel that becomes four bytes with transparency."""
    palette = png_chunk(b"PLTE", b"\0\0\0\xff\xff\xff") + png_chunk(b"tRNS", b"\x80\xff")
    return png(side, 1, 3, palette)


def tiff_tile(side: int = 20_000, width: int = 16, height: int = 16) -> bytes:
    """Return a small TIFF whose one tile has side x side pixels, all of which are decoded."""
    pack = zlib.compressobj(9)
    data = b"".join(pack.compress(b"\0" * side) for _ in range(side)) + pack.flush()
    return _tiff(width, height, (322, 4, 1, side), (323, 4, 1, side), data=data)


def tiff_tags(count: int = 5000) -> bytes:
    """Return a TIFF whose tags all claim the same 4 MB."""
    tags = [(40_000 + index, 7, 4_000_000, 8) for index in range(count)]
    return _tiff(16, 16, *tags, data=b"\0" * 4_000_000)


def _tiff(width: int, height: int, *more: tuple[int, int, int, int], data: bytes) -> bytes:
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1),
        (277, 3, 1, 1), *more, (324, 4, 1, 0), (325, 4, 1, len(data)),
    ]  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    directory = struct.pack("<H", len(tags))
    for tag, kind, count, value in tags:
        place = start if tag == 324 else value
        packed = struct.pack("<HH", place, 0) if kind == 3 else struct.pack("<I", place)
        directory += struct.pack("<HHI", tag, kind, count) + packed
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0) + data


def gif_comments(count: int = 1_000_000) -> bytes:
    """Return a GIF with many blocks of one byte before its first frame."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0)
    return screen + b"\x21\xfe" + b"\x01x" * count + b"\0"


def gif_extensions(count: int = 9000) -> bytes:
    """Return a GIF with many extensions of many blocks of one byte before its first frame."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 16, 16, 0, 0, 0)
    return screen + (b"\x21\xfe" + b"\x01x" * 900 + b"\0") * count


def jpeg_fill(segments: int = 200) -> bytes:
    """Return a JPEG with many fill bytes before each segment."""
    return b"\xff\xd8" + (b"\xff" * 65_000 + b"\xfe\0\2") * segments


def webp_chunks(count: int = 1_000_000) -> bytes:
    """Return an extended WebP of many empty chunks."""
    canvas = b"VP8X" + struct.pack("<IIHBHB", 10, 2, 15, 0, 15, 0)
    body = b"WEBP" + canvas + (b"abcd" + struct.pack("<I", 0)) * count
    return b"RIFF" + struct.pack("<I", len(body)) + body


REFUSED_UNDECODED: Mapping[str, Callable[[], bytes]] = {
    "bmp of run lengths": bmp_runs,
    "jpeg of exif segments": jpeg_exif,
    "jpeg of comments": jpeg_comments,
    "jpeg of junk": jpeg_junk,
    "jpeg of scans": lambda: jpeg_scans(2048, 2048, 300),
    "jpeg of 1000 scans": lambda: jpeg_scans(6000, 6000, 1000),
    "png of chunks": png_chunks,
    "png of compressed texts": lambda: png(16, 8, 0, png_chunk(b"zTXt", b"a\0\0") * 100),
    "tiff with a huge tile": tiff_tile,
    "tiff whose tags overlap": tiff_tags,
    "tiff whose few tags overlap": lambda: tiff_tags(200),
    "gif of comments": gif_comments,
    "gif of extensions": gif_extensions,
    "jpeg of fill bytes": jpeg_fill,
    "webp of chunks": webp_chunks,
}
"""Each is refused from its header alone."""
