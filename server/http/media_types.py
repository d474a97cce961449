"""Which bodies are read: JSON and forms, in UTF-8, not compressed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from server.errors import UnsupportedBody

JSON = "application/json"
FORM = "multipart/form-data"
BINARY = "application/octet-stream"


def media_type(headers: Mapping[str, str], taken: Sequence[str] = (JSON, FORM)) -> str:
    """Return the body's media type, which is one of `taken`.

    Raises:
        UnsupportedBody: another content type, a charset other than UTF-8, or a content encoding.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedBody(f"content encoding {encoding[:40]!r} is not read; send it unencoded")
    essence, _, parameters = headers.get("content-type", "").partition(";")
    essence = essence.strip().lower()
    if essence not in taken:
        shown = essence[:60] or "none"
        raise UnsupportedBody(f"content type {shown!r} is not read; send {' or '.join(taken)}")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]+)", parameters, re.I)
    if charset and charset[1].lower() not in ("utf-8", "utf8"):
        raise UnsupportedBody("only the charset UTF-8 is read")
    return essence
