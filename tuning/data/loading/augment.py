"""Changes of pictures while tuning, as BEiT-3's fine-tuning makes them.

Source: microsoft/unilm, `beit3/datasets.py` (`build_transform`) and `beit3/randaug.py`: a random
part of the picture, mirrored or not, then RandAugment with two of ten operations at strength 7 of
10, each left out half the time. Two differences: sharpened values are cut off at 0 and 255, where
the public code lets them wrap around, and the edges of a turned picture are not blended.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pictures.view import View

Pixels = NDArray[np.uint8]
_Draw = np.random.Generator
_Change = Callable[[Pixels, _Draw], Pixels]

OPERATIONS, STRENGTH, LEFT_OUT = 2, 7, 0.5
"""Operations drawn for a picture, their strength of 10, the chance that one is left out."""

_SHARE = STRENGTH / 10
_FACTOR = _SHARE * 1.8 + 0.1
_SHEAR, _SHIFT_PX, _TURN_DEGREES = _SHARE * 0.3, _SHARE * 10, _SHARE * 30
_FILL = (128, 128, 128)
_LEVELS = 256
_ASPECTS = (3 / 4, 4 / 3)
_LOG_ASPECTS = (math.log(_ASPECTS[0]), math.log(_ASPECTS[1]))
_TRIES = 10


@dataclass(frozen=True)
class Augmentation:
    """What is drawn anew for every picture of a batch.

    Attributes:
        least_area: the smallest part of a picture's area that is shown; 1 shows all of it.
        mirror: half of the pictures are mirrored. Wrong where texts say left and right.
        randaugment: RandAugment.

    Raises:
        ValueError: `least_area` is not in 0 .. 1.
    """

    least_area: float = 1.0
    mirror: bool = False
    randaugment: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.least_area <= 1:
            raise ValueError(f"least_area is {self.least_area}: choose more than 0, at most 1")

    def view(self, draw: _Draw, width: int, height: int) -> View:
        """Draw the part of a picture of that size that is shown."""
        if self.least_area == 1:
            return View(reduced=True)
        return _random_part(draw, self.least_area, width, height)

    def changed(self, pixels: Pixels, draw: _Draw) -> Pixels:
        """Return a picture changed as drawn: uint8 `[side, side, 3]`, as it was given."""
        if self.mirror and draw.random() < 0.5:
            pixels = np.ascontiguousarray(pixels[:, ::-1])
        if self.randaugment:
            for name in draw.choice(list(CHANGES), OPERATIONS):
                if draw.random() > LEFT_OUT:
                    pixels = CHANGES[name](pixels, draw)
        return pixels


BEIT3 = Augmentation(least_area=0.5, mirror=True, randaugment=True)
"""What BEiT-3 tunes VQA with; its captions and retrieval leave RandAugment out."""


def _random_part(draw: _Draw, least_area: float, width: int, height: int) -> View:
    """Draw area and aspect of a part; in the rare case that none fits, take the middle."""
    for _ in range(_TRIES):
        area = draw.uniform(least_area, 1) * width * height
        aspect = math.exp(draw.uniform(*_LOG_ASPECTS))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(draw.integers(width - w + 1)), int(draw.integers(height - h + 1))
            return _part(left, top, w, h, width, height)
    ratio = min(max(width / height, _ASPECTS[0]), _ASPECTS[1])
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    return _part((width - w) // 2, (height - h) // 2, w, h, width, height)


def _part(left: int, top: int, w: int, h: int, width: int, height: int) -> View:
    right, bottom = min(1.0, (left + w) / width), min(1.0, (top + h) / height)
    return View(left / width, top / height, right, bottom, reduced=True)


def _as_they_are(pixels: Pixels, _draw: _Draw) -> Pixels:
    return pixels


def _full_contrast(pixels: Pixels, _draw: _Draw) -> Pixels:
    """Stretch each channel to 0 .. 255."""
    changed = np.empty_like(pixels)
    for channel in range(pixels.shape[2]):
        values = pixels[..., channel]
        low, high = int(values.min()), int(values.max())
        table = np.arange(_LEVELS, dtype=np.float64)
        if high > low:
            scale = (_LEVELS - 1) / (high - low)
            table = (table * scale - low * scale).clip(0, _LEVELS - 1)
        changed[..., channel] = table.astype(np.uint8)[values]
    return changed


def _equalized(pixels: Pixels, _draw: _Draw) -> Pixels:
    """Let each channel have all levels equally often, as far as that goes."""
    changed = np.empty_like(pixels)
    for channel in range(pixels.shape[2]):
        values = pixels[..., channel]
        counts = np.bincount(values.ravel(), minlength=_LEVELS)
        last = int(counts[counts > 0][-1])
        step = (values.size - last) // (_LEVELS - 1)
        if step == 0:
            changed[..., channel] = values
            continue
        before = np.concatenate(([step // 2], counts[:-1]))
        table = (np.cumsum(before) // step).clip(0, _LEVELS - 1).astype(np.uint8)
        changed[..., channel] = table[values]
    return changed


def _brighter(pixels: Pixels, _draw: _Draw) -> Pixels:
    return _BRIGHTER[pixels]


def _sharper(pixels: Pixels, _draw: _Draw) -> Pixels:
    """Take each pixel away from the mean of the pixels around it; the edges stay."""
    wide = pixels.astype(np.float32)
    rows = wide[:-2] + wide[1:-1] + wide[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * wide[1:-1, 1:-1]
    smooth = np.rint(around / 13)
    inner = smooth + _FACTOR * (wide[1:-1, 1:-1] - smooth)
    changed = pixels.copy()
    changed[1:-1, 1:-1] = inner.clip(0, _LEVELS - 1).astype(np.uint8)
    return changed


def _sheared_x(pixels: Pixels, draw: _Draw) -> Pixels:
    by = _signed(_SHEAR, draw)
    return _moved(pixels, (1, -by, by / 2, 0, 1, 0))


def _sheared_y(pixels: Pixels, draw: _Draw) -> Pixels:
    by = _signed(_SHEAR, draw)
    return _moved(pixels, (1, 0, 0, -by, 1, by / 2))


def _shifted_x(pixels: Pixels, draw: _Draw) -> Pixels:
    return _moved(pixels, (1, 0, _signed(_SHIFT_PX, draw), 0, 1, 0))


def _shifted_y(pixels: Pixels, draw: _Draw) -> Pixels:
    return _moved(pixels, (1, 0, 0, 0, 1, _signed(_SHIFT_PX, draw)))


def _turned(pixels: Pixels, draw: _Draw) -> Pixels:
    """Turn about the middle as OpenCV counts it, from the centres of pixels."""
    image = Image.fromarray(pixels)
    by, middle = _signed(_TURN_DEGREES, draw), (image.width / 2 + 0.5, image.height / 2 + 0.5)
    turned = image.rotate(by, Image.Resampling.BILINEAR, center=middle, fillcolor=_FILL)
    return np.array(turned)


def _moved(pixels: Pixels, where_from: tuple[float, float, float, float, float, float]) -> Pixels:
    """Move pixels by an affine map from new places to old ones; what comes from outside is grey."""
    image = Image.fromarray(pixels)
    moved = image.transform(
        image.size,
        Image.Transform.AFFINE,
        where_from,
        Image.Resampling.BILINEAR,
        fillcolor=_FILL,
    )
    return np.array(moved)


def _signed(value: float, draw: _Draw) -> float:
    return -value if draw.random() > 0.5 else value


_BRIGHTER = (np.arange(_LEVELS, dtype=np.float32) * _FACTOR).clip(0, 255).astype(np.uint8)

CHANGES: dict[str, _Change] = {
    "Identity": _as_they_are,
    "AutoContrast": _full_contrast,
    "Equalize": _equalized,
    "Brightness": _brighter,
    "Sharpness": _sharper,
    "ShearX": _sheared_x,
    "ShearY": _sheared_y,
    "TranslateX": _shifted_x,
    "TranslateY": _shifted_y,
    "Rotate": _turned,
}
"""RandAugment's operations, by the names of the public code."""
