"""BEiT-3's changes of pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.tuning.data.loading.opencv_reference import FILE
from tuning.data.loading.augment import BEIT3, CHANGES, LEFT_OUT, Augmentation, Pixels


class Fixed:
    """Draws the same number always: above a half, so that signs are negative."""

    def __init__(self, drawn: float) -> None:
        self.drawn = drawn

    def random(self) -> float:
        return self.drawn


NEGATIVE, POSITIVE = Fixed(0.9), Fixed(0.1)


def picture(side: int = 32) -> Pixels:
    y, x = np.mgrid[0:side, 0:side]
    return np.stack([40 + 3 * x, 200 - 2 * y, 90 + x + y + x * y % 7], 2).astype(np.uint8)


def changed(name: str, pixels: Pixels, draw: Any = POSITIVE) -> Pixels:
    return CHANGES[name](pixels, draw)


def test_the_ten_operations_are_beit3s() -> None:
    assert len(CHANGES) == 10
    assert Augmentation(0.5, mirror=True, randaugment=True) == BEIT3
    pixels = picture()
    for name in CHANGES:
        given = pixels.copy()
        made = changed(name, given)
        assert np.array_equal(given, pixels)
        assert (made.shape, made.dtype) == (pixels.shape, np.uint8)
        assert np.array_equal(made, pixels) == (name == "Identity")


def test_contrast_and_equalization_are_pillows() -> None:
    """The public code says so of its own."""
    image = Image.fromarray(picture())
    stretched = np.asarray(ImageOps.autocontrast(image)).astype(int)
    assert np.abs(stretched - changed("AutoContrast", picture())).max() <= 1
    equal = np.asarray(ImageOps.equalize(image))
    assert np.array_equal(changed("Equalize", picture()), equal)
    flat = np.full((8, 8, 3), 7, np.uint8)
    assert np.array_equal(changed("AutoContrast", flat), flat)
    assert np.array_equal(changed("Equalize", flat), flat)


def test_brightness_and_sharpness_are_pillows_with_factor_1_36() -> None:
    image = Image.fromarray(picture())
    bright = np.asarray(ImageEnhance.Brightness(image).enhance(1.36)).astype(int)
    assert np.abs(bright - changed("Brightness", picture())).max() <= 1
    noise = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    sharp = np.asarray(ImageEnhance.Sharpness(Image.fromarray(noise)).enhance(1.36)).astype(int)
    ours = changed("Sharpness", noise)
    assert np.abs(sharp - ours)[1:-1, 1:-1].max() <= 2
    assert np.array_equal(ours[0], noise[0])


@pytest.mark.parametrize(
    "name", ["ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Sharpness"]
)
def test_operations_are_opencvs_as_the_public_code_calls_it(name: str) -> None:
    with np.load(FILE) as stored:
        wanted, given = stored[name].astype(int), stored["picture"]
    apart = np.abs(changed(name, given) - wanted).max(axis=2)
    apart = apart[1:-1, 1:-1] if name == "Sharpness" else apart
    assert (apart > 3).mean() < 0.04  # what is moved has a blended edge there
    assert np.median(apart) <= 1


def test_shifts_are_seven_pixels_and_what_comes_in_is_grey() -> None:
    pixels = picture()
    left = changed("TranslateX", pixels)
    assert np.array_equal(left[:, :-7], pixels[:, 7:])
    assert (left[:, -7:] == 128).all()
    down = changed("TranslateY", pixels, NEGATIVE)
    assert np.array_equal(down[7:], pixels[:-7])
    assert (down[:7] == 128).all()


@pytest.mark.parametrize(("name", "axis"), [("ShearX", 0), ("ShearY", 1)])
def test_a_shear_moves_each_line_by_a_fifth_of_its_place(name: str, axis: int) -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 16:18] = 255
    pixels = pixels if axis == 0 else pixels.swapaxes(0, 1)
    made = changed(name, np.ascontiguousarray(pixels))
    lines = made if axis == 0 else made.swapaxes(0, 1)
    for place in (0, 50, 100):
        place = min(place, 63)
        centre = (lines[place, :, 0] == lines[place, :, 0].max()).nonzero()[0].mean()
        assert centre == pytest.approx(16.5 + 0.21 * place, abs=1)


def test_a_turn_is_21_degrees_either_way() -> None:
    pixels = np.zeros((65, 65, 3), np.uint8)
    pixels[31:34, 32:] = 255  # from the centre to the right
    for draw, upward in ((POSITIVE, 1), (NEGATIVE, -1)):
        made = changed("Rotate", pixels, draw)
        y, x = (made[..., 0] > 200).nonzero()
        assert np.degrees(np.arctan2(32 - y.mean(), x.mean() - 32)) == pytest.approx(
            21 * upward, abs=2
        )


def test_two_operations_are_drawn_and_each_left_out_half_the_time() -> None:
    pixels = np.random.default_rng(0).integers(20, 200, (16, 16, 3), dtype=np.uint8)
    augmentation = Augmentation(randaugment=True)
    same = sum(
        np.array_equal(augmentation.changed(pixels, np.random.default_rng(seed)), pixels)
        for seed in range(800)
    )
    untouched = (LEFT_OUT + (1 - LEFT_OUT) / 10) ** 2  # left out, or Identity
    assert same / 800 == pytest.approx(untouched, abs=0.05)


def test_mirrored_half_the_time() -> None:
    pixels, augmentation = picture(16), Augmentation(mirror=True)
    made = [augmentation.changed(pixels, np.random.default_rng(seed)) for seed in range(200)]
    mirrored = sum(np.array_equal(each, pixels[:, ::-1]) for each in made)
    assert 80 <= mirrored <= 120
    assert mirrored + sum(np.array_equal(each, pixels) for each in made) == 200


def test_a_part_has_the_area_and_the_aspect_that_were_drawn() -> None:
    draw, augmentation = np.random.default_rng(0), Augmentation(least_area=0.5)
    areas = []
    for _ in range(300):
        view = augmentation.view(draw, 640, 480)
        width, height = 640 * (view.right - view.left), 480 * (view.bottom - view.top)
        areas.append(width * height / (640 * 480))
        assert 0.74 < width / height < 1.35
        assert view.reduced
    assert min(areas) > 0.49
    assert max(areas) > 0.9
    wide = augmentation.view(draw, 4000, 100)
    assert (wide.top, wide.bottom) == (0, 1)
    assert (wide.left + wide.right) / 2 == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="more than 0, at most 1"):
        Augmentation(least_area=0)
