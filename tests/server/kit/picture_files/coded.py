"""JPEG and WebP in every mode that Pillow writes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from PIL import Image

from tests.server.kit.picture_files.scene import samples


def files() -> dict[str, bytes]:
    """Return the files by name."""
    return dict(_files())


def _files() -> Iterator[tuple[str, bytes]]:
    for sampling, progressive in product(("4:4:4", "4:2:2", "4:2:0"), (False, True)):
        name = f"jpeg {sampling}{' progressive' * progressive}"
        options: dict[str, Any] = {"subsampling": sampling, "progressive": progressive}
        yield name, _file(name, "JPEG", 3, quality=90, **options)
    for progressive, restart in product((False, True), (0, 2)):
        name = f"jpeg grey{' progressive' * progressive}{f' restart {restart}' * bool(restart)}"
        options = {"progressive": progressive, "restart_marker_blocks": restart}
        yield name, _file(name, "JPEG", 1, quality=90, **options)
    for channels, lossless in product((3, 4), (False, True)):
        name = f"webp {'rgb' if channels == 3 else 'rgb+alpha'}{' lossless' * lossless}"
        yield name, _file(name, "WEBP", channels, lossless=lossless, quality=90, exact=True)


def _file(name: str, form: str, channels: int, **options: Any) -> bytes:
    pixels = samples(name, channels, 8).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(stream, form, **options)
    return stream.getvalue()
