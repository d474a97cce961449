"""Workers give the pixels that decoding in one piece gives."""

from __future__ import annotations

import asyncio
import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from artifact.preprocess import to_pixels
from pictures import rgb
from pictures.images import decode_rgb
from tests.server.kit.sample_pictures import encoded
from tests.server.pictures.decoding import (
    LIMIT,
    SIDE_PX,
    decode,
    decoding,
)


def whole_to_rgb(image: Image.Image) -> Image.Image:
    """Convert a picture in one piece, as this server did before it decoded in workers."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N", "I", "F"}:
        samples = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=65535.0, neginf=0.0)
        peak = float(samples.max(initial=0.0))
        if image.mode == "F" and peak <= 1.0:
            samples = samples * 255.0
        elif image.mode.startswith("I;16") or peak > 255.0:
            samples = samples / 257.0
        image = Image.fromarray(np.clip(np.rint(samples), 0, 255).astype(np.uint8), "L")
    if image.mode in {"RGBA", "LA", "PA", "La", "RGBa"} or "transparency" in image.info:
        rgba = image.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return image.convert("RGB")


def pictures() -> dict[str, bytes]:
    """Return pictures of every mode."""
    rng = np.random.default_rng(3)
    size = (110, 121)
    rgba = Image.fromarray(rng.integers(0, 256, (*size, 4), np.uint8))
    rgb, gray = rgba.convert("RGB"), rgba.convert("L")
    deep = Image.fromarray(rng.integers(0, 65536, size, np.uint16))
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = rgb.quantize(64)
    return {
        **{fmt: encoded(rgb, fmt) for fmt in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")},
        "progressive": encoded(rgb, "JPEG", progressive=True),
        "turned": encoded(rgb, "JPEG", exif=exif),
        "cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "gray": encoded(gray),
        "transparent": encoded(rgba),
        "transparent webp": encoded(rgba, "WEBP", lossless=True),
        "gray and transparent": encoded(rgba.convert("LA")),
        "palette": encoded(palette),
        "transparent palette": encoded(palette, transparency=bytes(range(0, 128, 2))),
        "one transparent colour": encoded(rgb, transparency=rgb.getpixel((0, 0))),
        "16 bits": encoded(deep),
        "16 bits with a transparent gray": encoded(deep, transparency=7),
        "32 bits": encoded(deep.convert("I"), "TIFF"),
        "floats": encoded(Image.fromarray(rng.random(size, np.float32)), "TIFF"),
        "large floats": encoded(Image.fromarray(rng.random(size, np.float32) * 999), "TIFF"),
        "one bit": encoded(gray.convert("1")),
    }


def test_pixels_are_the_same_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rgb, "_BAND_PIXELS", 2000)

    async def scenario() -> None:
        async with decoding() as decoder:
            for name, data in pictures().items():
                with Image.open(io.BytesIO(data)) as image:
                    wanted = whole_to_rgb(ImageOps.exif_transpose(image))
                assert wanted.tobytes() == decode_rgb(data, LIMIT).tobytes(), name
                found = (await decode(decoder, data)).pixels
                assert found.tobytes() == to_pixels(wanted, SIDE_PX).tobytes(), name

    asyncio.run(scenario())
