"""Every colour type and depth is seen as Chromium and libvips see it, a step of rounding apart."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from pictures.headers import read_header
from pictures.images import decode_rgb, prepare_decoders
from tests.server.kit.picture_files import FILES, tiff
from tests.server.kit.picture_files.reference import REFERENCE, is_seen_by_others, key_of
from tests.server.kit.picture_files.scene import samples

_LIMIT_PIXELS = 1_000_000
_MEAN_DIFFERENCE = 2.0
FORMATS = ("png", "tiff", "bmp", "gif", "jpeg", "webp")


@pytest.fixture(scope="module", autouse=True)
def _prepared() -> None:
    prepare_decoders()


@pytest.fixture(scope="module")
def reference() -> Mapping[str, NDArray[np.uint8]]:
    with np.load(REFERENCE) as stored:
        return dict(stored)


def seen(data: bytes) -> NDArray[np.int64]:
    return np.asarray(decode_rgb(data, _LIMIT_PIXELS)).astype(np.int64)


def test_there_are_enough_files_of_all_formats() -> None:
    assert len(FILES) >= 300
    assert {name.split()[0] for name in FILES} == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_pixels_are_those_of_other_programs(
    form: str, reference: Mapping[str, NDArray[np.uint8]]
) -> None:
    apart = {}
    for name, data in FILES.items():
        if name.split()[0] != form or not is_seen_by_others(name):
            continue
        wanted = reference[key_of(data)]  # if it lacks one: make picture-reference
        found = seen(data)
        assert found.shape == wanted.shape, name
        apart[name] = float(abs(found - wanted).mean())
        header = read_header(data, _LIMIT_PIXELS)
        assert header.width * header.height == wanted.shape[0] * wanted.shape[1], name
    assert {name: mean for name, mean in apart.items() if mean > _MEAN_DIFFERENCE} == {}


@pytest.mark.parametrize("depth", [12, 32])
def test_deep_grey_is_scaled_by_its_own_white(depth: int) -> None:
    names = [name for name in FILES if f"{depth} bit" in name and not is_seen_by_others(name)]
    assert len(names) > 10
    for name in names:
        wanted = samples(name, 1, depth) * (255 / ((1 << depth) - 1))
        if "white-is-zero" in name:
            wanted = 255 - wanted
        assert abs(seen(FILES[name]) - wanted).max() < 1, name


def test_samples_below_zero_are_black() -> None:
    pixels = np.array([[[0], [90], [127], [128], [200], [255]]])
    data = tiff.file(pixels, tiff.Form(1, 8, kind=2))
    assert seen(data)[0, :, 0].tolist() == [0, 90, 127, 0, 0, 0]
