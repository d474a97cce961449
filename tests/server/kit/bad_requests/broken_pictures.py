"""Pictures that are damaged, too large, or none."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests.request import (
    CAPTION,
    FORM_TYPE,
    BadRequest,
    form,
    json_request,
)


def broken_pictures() -> Iterator[BadRequest]:
    bad: dict[str, tuple[bytes, tuple[int, ...]]] = {
        "text": (b"this is not a picture", (415,)),
        "one byte": (b"x", (415,)),
        "zeros": (b"\0" * 500, (415,)),
        "html": (b"<html><body>hi</body></html>", (415,)),
        "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', (415,)),
        "pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", (415,)),
        "zip": (b"PK\x03\x04" + b"\0" * 60, (415,)),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", (415,)),
        "ppm, not accepted": (b"P6 2 2 255\n" + b"\1" * 12, (415,)),
        "png 50000x50000": (sample_pictures.png_header(50_000, 50_000), (413,)),
        "png 10000x10000": (sample_pictures.png_header(10_000, 10_000), (413,)),
        "png 2^31-1 wide": (sample_pictures.png_header(2**31 - 1, 1), (413, 415)),
        "png without pixels": (sample_pictures.png_header(0, 5), (415, 422)),
        "gif 65535x65535": (sample_pictures.gif_screen(65_535, 65_535), (413,)),
        "gif without frames": (b"GIF89a\5\0\5\0\0\0\0;", (415, 422)),
        "bmp 40000x40000": (sample_pictures.bmp_header(40_000, 40_000), (413,)),
        "bmp without data": (sample_pictures.bmp_header(40, 40), (422,)),
    }
    for fmt in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        whole = sample_pictures.noisy(fmt)
        for share in (3, 50, 90):
            bad[f"{fmt} cut at {share} %"] = (whole[: len(whole) * share // 100], (415, 422))
    damaged = bytearray(sample_pictures.noisy("PNG"))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 40] = b"\xff" * 40
    bad["PNG damaged inside"] = (bytes(damaged), (422,))
    for name, (data, expected) in bad.items():
        body = form([("image", data), ("question", b"what color?")])
        yield BadRequest(f"picture {name}", body, FORM_TYPE, expected=expected)
        encoded = base64.b64encode(data).decode()
        yield json_request(f"caption {name}", {"image": encoded}, CAPTION, expected=expected)
