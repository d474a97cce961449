"""Small picture files of every format and depth, written byte by byte, each with a name."""

from __future__ import annotations

from tests.server.kit.picture_files import bmp, coded, gif, png, tiff

FILES: dict[str, bytes] = {
    **png.files(),
    **tiff.files(),
    **bmp.files(),
    **gif.files(),
    **coded.files(),
}
