"""A drawn picture: what decoding takes is measured on it before the first request."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_SAMPLE_PX = (480, 360)


def encoded_sample(kind: str) -> bytes:
    """Return a picture with smooth areas and some grain, as photographs have, in a format."""
    width, height = _SAMPLE_PX
    grain = np.random.default_rng(0).integers(0, 16, (height, width, 3))
    slope = np.linspace(0, 230, width)[None, :, None]
    buffer = io.BytesIO()
    Image.fromarray((slope + grain).astype(np.uint8)).save(buffer, kind)
    return buffer.getvalue()
