from __future__ import annotations

import io
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from tuning.world.dataset import scene_of
from tuning.world.render import render
from tuning.world.scene import SHAPES, Scene, SceneObject

MODEL_SIDE_PX = 64
SCENES = [scene_of(6, index) for index in range(200)]


def as_the_model_sees(scene: Scene) -> np.ndarray:
    """The picture after JPEG and bicubic downscale, float [64, 64, 3]."""
    file = io.BytesIO()
    render(scene).save(file, "JPEG", quality=90)
    small = Image.open(file).resize((MODEL_SIDE_PX, MODEL_SIDE_PX), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.float32)


def centre_pixel(picture: np.ndarray, item: SceneObject) -> np.ndarray:
    """The pixel that holds the object's centre, which lies inside all four shapes."""
    return picture[int(item.center_y * MODEL_SIDE_PX), int(item.center_x * MODEL_SIDE_PX)]


def test_same_scene_same_pixels_and_any_side():
    for scene in SCENES[:10]:
        assert render(scene).tobytes() == render(scene).tobytes()
    picture = render(SCENES[0], side_px=96)
    assert (picture.size, picture.mode) == ((96, 96), "RGB")


def test_every_color_is_distinguished_by_its_nearest_mean():
    seen: dict[str, list[np.ndarray]] = {}
    for scene in SCENES:
        picture = as_the_model_sees(scene)
        for item in scene.objects:
            seen.setdefault(item.color, []).append(centre_pixel(picture, item))
    means = {color: np.mean(pixels, axis=0) for color, pixels in seen.items()}
    for first, second in combinations(means.values(), 2):
        assert np.linalg.norm(first - second) > 70
    for color, pixels in seen.items():
        for pixel in pixels:
            nearest = min(means, key=lambda name: float(np.linalg.norm(means[name] - pixel)))
            assert nearest == color


@pytest.mark.parametrize(("first", "second"), list(combinations(SHAPES, 2)))
def test_small_shapes_differ_clearly_after_downscale(first, second):
    small = [s for s in SCENES if any(item.size == "small" for item in s.objects)][:20]
    for scene in small:
        place = next(i for i, item in enumerate(scene.objects) if item.size == "small")
        drawn = []
        for shape in (first, second):
            objects = list(scene.objects)
            objects[place] = replace(objects[place], shape=shape, rgb=(255, 0, 0))
            drawn.append(as_the_model_sees(replace(scene, objects=tuple(objects))))
        changed = np.abs(drawn[0] - drawn[1]).max(axis=2) > 40
        assert changed.sum() >= 6


def test_nothing_is_drawn_outside_the_cells_of_the_objects():
    for scene in SCENES[:50]:
        empty = np.asarray(render(replace(scene, objects=())), dtype=np.int16)
        drawn = np.asarray(render(scene), dtype=np.int16)
        rows, columns = np.nonzero(np.abs(drawn - empty).max(axis=2) > 1)
        cells = {(int(r) // 32, int(c) // 32) for r, c in zip(rows, columns, strict=True)}
        assert cells == {(item.row, item.column) for item in scene.objects}


def test_grounds_differ_and_are_not_flat():
    grounds = [np.asarray(render(replace(scene, objects=()))) for scene in SCENES[:20]]
    assert len({round(float(ground.mean())) for ground in grounds}) > 10
    assert all(ground.std() > 2 for ground in grounds)
