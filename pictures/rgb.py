"""Any Pillow image to 8-bit RGB on white.

What takes several copies of the pixels is done in bands of rows, so that memory stays near one
copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    SAMPLEFORMAT,
    TiffImageFile,
)

_WHITE = (255, 255, 255, 255)
_TRANSPARENT_MODES = frozenset({"RGBA", "LA", "PA", "La", "RGBa"})
_DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N", "I", "F"})
_BAND_PIXELS = 250_000
_16_BITS, _32_BITS = 65535.0, 4294967295.0
_UNSIGNED, _SIGNED = 1, 2


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert any Pillow mode to RGB; transparent pixels become white. May use up the image."""
    if image.mode in _DEEP_MODES:
        return _from_deep(image, _GreyScale.of(image))
    if image.mode not in _TRANSPARENT_MODES and "transparency" not in image.info:
        shallow = image if image.mode == "RGB" else image.convert("RGB")
        return _without_negatives(shallow, image)
    whole = Image.new("RGB", image.size)
    for top, band in bands(image):
        whole.paste(_flattened(band), (0, top))
    return whole


def bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield bands of whole rows, each with the row it begins at."""
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _flattened(image: Image.Image) -> Image.Image:
    """Return a band as RGB, what is transparent on white."""
    straight = image.convert("LA") if image.mode == "La" else image
    rgba = straight.convert("RGBA")
    ground = Image.new("RGBA", rgba.size, _WHITE)
    return Image.alpha_composite(ground, rgba).convert("RGB")


@dataclass(frozen=True)
class _GreyScale:
    """How grey samples of more than 8 bits are shown.

    Attributes:
        white: the sample that is shown as white, black if `inverted`.
        wraps: samples of 32 bits without a sign, which Pillow gives one.
        key: the sample that is transparent.
    """

    white: float
    inverted: bool = False
    wraps: bool = False
    key: int | None = None

    @classmethod
    def of(cls, image: Image.Image) -> _GreyScale:
        """Take it from what the file says; where that says little, from the largest sample."""
        tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
        inverted = tags.get(PHOTOMETRIC_INTERPRETATION) == 0
        if image.mode.startswith("I;16"):
            depth = tags.get(BITSPERSAMPLE, (16,))[0]
            return cls((1 << depth) - 1, inverted, key=image.info.get("transparency"))
        unsigned = tags.get(SAMPLEFORMAT, (_UNSIGNED,))[0] == _UNSIGNED
        wraps = image.mode == "I" and unsigned and isinstance(image, TiffImageFile)
        peak = max(float(_samples(band, wraps).max(initial=0.0)) for _, band in bands(image))
        if image.mode == "F" and peak <= 1.0:
            return cls(1.0, inverted)
        likely = 255.0 if peak <= 255.0 else _16_BITS
        return cls(_32_BITS if wraps and peak > _16_BITS else likely, inverted, wraps)

    def shown(self, samples: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Return samples as 8 bits."""
        values = np.clip(np.rint(samples * (255.0 / self.white)), 0, 255).astype(np.uint8)
        if self.inverted:
            values = 255 - values
        if self.key is not None:
            values[samples == self.key] = 255
        return values


def _from_deep(image: Image.Image, scale: _GreyScale) -> Image.Image:
    grey = Image.new("L", image.size)
    for top, band in bands(image):
        grey.paste(Image.fromarray(scale.shown(_samples(band, scale.wraps))), (0, top))
    image.close()  # two bytes or more a pixel, and RGB takes four
    return grey.convert("RGB")


def _samples(image: Image.Image, wraps: bool) -> NDArray[np.float64]:
    samples = np.asarray(image, dtype=np.float64)
    if wraps:
        return np.where(samples < 0, samples + _32_BITS + 1, samples)
    return np.nan_to_num(samples, nan=0.0, posinf=_16_BITS, neginf=0.0)


def _without_negatives(shallow: Image.Image, image: Image.Image) -> Image.Image:
    """Return signed 8-bit samples with those below 0, which Pillow takes for bright ones, black."""
    signed = isinstance(image, TiffImageFile) and _SIGNED in image.tag_v2.get(SAMPLEFORMAT, ())
    return shallow.point([*range(128), *[0] * 128] * 3) if signed else shallow
