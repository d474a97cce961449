"""The files of our pages, read once, and the headers that they are sent with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
ASSETS = "/assets/"
PLAYGROUND = "playground/"
"""The folder of what only the playground needs."""
_PAGES = {"/": "playground/index.html", "/docs": "reference/index.html"}
_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".jpg": "image/jpeg",
}
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: a picture that was dropped, pasted or chosen
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # no text ever becomes markup
        "trusted-types 'none'",
    ]
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, and asked for again by its ETag
}


@dataclass(frozen=True)
class PageFile:
    """A file of a page.

    Attributes:
        name: its path in the folder of static files.
        body: its bytes.
        media_type: what they are.
        etag: changes with the bytes.
    """

    name: str
    body: bytes
    media_type: str
    etag: str

    def response(self, request: Request) -> Response:
        """Return it, or that the browser's copy is still right."""
        headers = _HEADERS | {"ETag": self.etag}
        if self.etag in _etags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers | {"Content-Type": self.media_type})


@cache
def page_files() -> Mapping[str, PageFile]:
    """Return every file by the path of its address: `/`, `/docs`, and `/assets/NAME`."""
    assets = {
        ASSETS + path.relative_to(STATIC).as_posix(): _read(path)
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix in _MEDIA_TYPES
    }
    pages = {address: assets.pop(ASSETS + name) for address, name in _PAGES.items()}
    return MappingProxyType(pages | assets)


def _read(path: Path) -> PageFile:
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    name = path.relative_to(STATIC).as_posix()
    return PageFile(name, body, _MEDIA_TYPES[path.suffix], etag)


def _etags(header: str) -> set[str]:
    """Return the marks in an `If-None-Match`; what a proxy made weak is as good."""
    return {mark.strip().removeprefix("W/") for mark in header.split(",")}
