"""Draw a scene. Edges are anti-aliased from signed distances, which needs no oversampling."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from artifact.preprocess import to_pixels
from tuning.world.scene import Scene, SceneObject, Shape

FloatArray = NDArray[np.float32]

_JPEG_QUALITY = 90
_GREY_LEVELS = (60.0, 205.0)
_TINT = 10.0
_SLOPE = 24.0
_NOISE = 9.0  # half width of the uniform pixel noise, in grey levels

_SQUARE_HALF_SIDE = 0.92  # of the radius: about the area of the circle
_CROSS_HALF_ARM = 0.33
_TRIANGLE_BASE = 0.84  # how far below the centre the base lies


def render(scene: Scene, side_px: int = 128) -> Image.Image:
    """Draw `scene` as an RGB picture of `side_px` x `side_px` pixels; same scene, same pixels."""
    rng = np.random.default_rng(scene.ground_seed)
    canvas = _ground(rng, side_px)
    for item in scene.objects:
        _paint(canvas, item, side_px)
    grain = rng.integers(0, 256, size=canvas.shape, dtype=np.uint8)
    canvas += grain * np.float32(2 * _NOISE / 255)
    canvas -= np.float32(_NOISE)
    np.clip(canvas, 0, 255, out=canvas)
    return Image.fromarray(canvas.astype(np.uint8))


def jpeg(scene: Scene) -> bytes:
    """Return the file that a world holds of `scene`."""
    encoded = io.BytesIO()
    render(scene).save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return encoded.getvalue()


def seen(scene: Scene, side_px: int) -> NDArray[np.uint8]:
    """Return what a model sees of that file: uint8 [S, S, 3]."""
    with Image.open(io.BytesIO(jpeg(scene))) as image:
        return to_pixels(image.convert("RGB"), side_px)


def _ground(rng: np.random.Generator, side_px: int) -> FloatArray:
    """Return a tinted grey ground with a linear gradient, float32 [side, side, 3]."""
    tint = rng.uniform(*_GREY_LEVELS) + rng.uniform(-_TINT, _TINT, size=3)
    slope_x, slope_y = rng.uniform(-_SLOPE, _SLOPE, size=2).tolist()
    ramp = np.linspace(-1, 1, side_px, dtype=np.float32)
    level = slope_y * ramp[:, None] + slope_x * ramp[None, :]
    ground: FloatArray = level[:, :, None] + tint.astype(np.float32)
    return ground


def _paint(canvas: FloatArray, item: SceneObject, side_px: int) -> None:
    """Blend one object into the canvas, touching only the pixels around it."""
    radius = item.radius * side_px
    center_x, center_y = item.center_x * side_px, item.center_y * side_px
    left, top = max(int(center_x - radius - 1), 0), max(int(center_y - radius - 1), 0)
    right, bottom = int(center_x + radius + 2), int(center_y + radius + 2)
    window = canvas[top:bottom, left:right]
    height, width = window.shape[:2]
    x = np.arange(left, left + width, dtype=np.float32)[None, :] + np.float32(0.5 - center_x)
    y = np.arange(top, top + height, dtype=np.float32)[:, None] + np.float32(0.5 - center_y)
    coverage = np.clip(0.5 - _DISTANCES[item.shape](x, y, radius), 0, 1)[:, :, None]
    window += coverage * (np.asarray(item.rgb, dtype=np.float32) - window)


def _circle(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    distance: FloatArray = np.hypot(x, y) - np.float32(radius)
    return distance


def _square(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    distance: FloatArray = np.maximum(abs(x), abs(y)) - np.float32(_SQUARE_HALF_SIDE * radius)
    return distance


def _triangle(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    rise = 1 + _TRIANGLE_BASE
    scale = np.float32(1 / np.hypot(rise, 1))
    flanks = (np.float32(rise) * abs(x) - (y + np.float32(radius))) * scale
    distance: FloatArray = np.maximum(flanks, y - np.float32(_TRIANGLE_BASE * radius))
    return distance


def _cross(x: FloatArray, y: FloatArray, radius: float) -> FloatArray:
    long, short = np.float32(radius), np.float32(_CROSS_HALF_ARM * radius)
    upright = np.maximum(abs(x) - short, abs(y) - long)
    level = np.maximum(abs(x) - long, abs(y) - short)
    distance: FloatArray = np.minimum(upright, level)
    return distance


# Signed distance to the outline in pixels, negative inside: x [1, w], y [h, 1] -> [h, w].
_DISTANCES: Mapping[Shape, Callable[[FloatArray, FloatArray, float], FloatArray]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
}
