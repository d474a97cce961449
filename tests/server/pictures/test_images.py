"""Every kind of picture ends as upright 8-bit RGB; everything else is a typed refusal."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pictures.errors import ImageNotRecognised, ImageTooManyPixels, ImageUnreadable
from pictures.headers import read_header
from pictures.images import decode_rgb
from tests.server.kit import sample_pictures
from tests.server.kit.sample_pictures import RED, encoded, solid

pytestmark = pytest.mark.filterwarnings("ignore::Warning:PIL")
LIMIT = 1_000_000
WHITE = (255, 255, 255)


def centre(data: bytes) -> tuple[int, ...]:
    image = decode_rgb(data, LIMIT)
    assert image.mode == "RGB"
    pixel = image.getpixel((image.width // 2, image.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


def near(found: tuple[int, ...], wanted: tuple[int, ...], slack: int = 6) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(found, wanted, strict=True))


def transparent_palette() -> bytes:
    image = solid().quantize()
    ground = image.getpixel((0, 0))
    return encoded(image, "PNG", transparency=ground)


MATRIX = {
    "jpeg": (encoded(solid(), "JPEG", quality=95), RED),
    "progressive jpeg": (encoded(solid(), "JPEG", quality=95, progressive=True), RED),
    "gray jpeg": (encoded(solid("L", color=90), "JPEG"), (90, 90, 90)),
    "cmyk jpeg": (encoded(solid("CMYK", color=(0, 255, 255, 0)), "JPEG", quality=95), (255, 0, 0)),
    "png": (encoded(solid()), RED),
    "gray png": (encoded(solid("L", color=90)), (90, 90, 90)),
    "one-bit png": (encoded(solid("1", color=1)), WHITE),
    "gray+alpha png": (encoded(solid("LA", color=(90, 0))), WHITE),
    "opaque rgba png": (encoded(solid("RGBA", color=(*RED, 255))), RED),
    "transparent rgba png": (encoded(solid("RGBA", color=(*RED, 0))), WHITE),
    "half transparent png": (encoded(solid("RGBA", color=(0, 0, 0, 128))), (127, 127, 127)),
    "palette png": (encoded(solid().quantize()), RED),
    "palette png, transparent": (transparent_palette(), WHITE),
    "rgb png with a transparent colour": (encoded(solid(), "PNG", transparency=RED), WHITE),
    "16-bit png": (sample_pictures.png_16bit_gray(0x8080), (128, 128, 128)),
    "16-bit png, dark": (sample_pictures.png_16bit_gray(0x0101), (1, 1, 1)),
    "webp": (encoded(solid(), "WEBP", lossless=True), RED),
    "webp, transparent": (
        encoded(solid("RGBA", color=(*RED, 0)), "WEBP", lossless=True, exact=True),
        WHITE,
    ),
    "gif": (encoded(solid(), "GIF"), RED),
    "animated gif": (sample_pictures.animation("GIF"), RED),
    "animated png": (sample_pictures.animation("PNG"), RED),
    "animated webp": (sample_pictures.animation("WEBP"), RED),
    "multi-page tiff": (sample_pictures.animation("TIFF"), RED),
    "bmp": (encoded(solid(), "BMP"), RED),
    "tiff": (encoded(solid(), "TIFF"), RED),
    "tiff lzw": (encoded(solid(), "TIFF", compression="tiff_lzw"), RED),
    "cmyk tiff": (encoded(solid("CMYK", color=(0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "16-bit tiff": (
        encoded(Image.fromarray(np.full((24, 40), 0x8080, np.uint16)), "TIFF"),
        (128, 128, 128),
    ),
    "float tiff": (
        encoded(Image.fromarray(np.full((24, 40), 0.5, np.float32)), "TIFF"),
        (128, 128, 128),
    ),
    "float tiff with nan": (
        encoded(Image.fromarray(np.full((24, 40), np.nan, np.float32)), "TIFF"),
        (0, 0, 0),
    ),
    "32-bit tiff": (
        encoded(Image.fromarray(np.full((24, 40), 0x8080, np.int32)), "TIFF"),
        (128, 128, 128),
    ),
    "ycbcr jpeg": (encoded(solid().convert("YCbCr"), "JPEG", quality=95), RED),
}


@pytest.mark.parametrize("name", MATRIX)
def test_mode(name: str) -> None:
    data, wanted = MATRIX[name]
    assert near(centre(data), wanted), centre(data)
    header = read_header(data, LIMIT)
    assert (header.width, header.height) == (40, 24)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = Image.new("RGB", (60, 40), (0, 0, 255))
    upright.paste((255, 0, 0), (0, 0, 20, 20))  # red at the top left
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode_rgb(encoded(stored, "JPEG", quality=95, exif=exif), LIMIT)
    assert decoded.size == (60, 40)
    corner = decoded.getpixel((5, 5))
    assert isinstance(corner, tuple)
    assert near(corner, (255, 0, 0), 12)


def test_damaged_exif_does_not_spoil_the_picture() -> None:
    data = encoded(solid(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert near(centre(data), RED)


@pytest.mark.parametrize("size", [(50_000, 50_000), (10_000, 10_000), (1001, 1000)])
def test_pixel_limit_is_checked_in_the_header(size: tuple[int, int]) -> None:
    data = sample_pictures.png_header(*size)
    with pytest.raises(ImageTooManyPixels):
        read_header(data, LIMIT)
    with pytest.raises(ImageTooManyPixels):
        decode_rgb(data, LIMIT)


@pytest.mark.parametrize("data", [b"", b"x", b"not a picture", b"%PDF-1.7", b"P6 1 1 255\nabc"])
def test_other_bytes_are_not_recognised(data: bytes) -> None:
    with pytest.raises(ImageNotRecognised):
        read_header(data, LIMIT)


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [20, 50, 80, 95])
def test_truncated_data_is_refused(fmt: str, share: int) -> None:
    whole = sample_pictures.noisy(fmt)
    with pytest.raises((ImageUnreadable, ImageNotRecognised)):
        decode_rgb(whole[: len(whole) * share // 100], LIMIT)


def test_random_damage_never_escapes_as_another_error() -> None:
    rng = np.random.default_rng(11)
    for fmt in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = np.frombuffer(sample_pictures.noisy(fmt, (48, 32)), np.uint8)
        for _ in range(60):
            data = whole.copy()
            places = rng.integers(0, len(data), 8)
            data[places] = rng.integers(0, 256, 8)
            try:
                assert decode_rgb(data.tobytes(), LIMIT).mode == "RGB"
            except (ImageUnreadable, ImageNotRecognised, ImageTooManyPixels):
                continue
