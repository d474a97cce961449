"""Requests as bytes, made beforehand so that the load generator spends no time on them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

BOUNDARY = "otmv-load-test"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def encode_form(image: bytes, fields: Mapping[str, str], *more: bytes) -> bytes:
    """Return a multipart body; `more` are further pictures, in the order of the form."""
    out = io.BytesIO()
    for name, value in fields.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        out.write(head.encode() + value.encode() + b"\r\n")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="image"\r\n\r\n'
    for picture in (image, *more):
        out.write(head.encode() + picture + b"\r\n")
    out.write(f"--{BOUNDARY}--\r\n".encode())
    return out.getvalue()


def encoded(image: bytes) -> str:
    """Return a picture file in base64, as JSON bodies hold it."""
    return base64.b64encode(image).decode()
