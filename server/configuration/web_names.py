"""Hosts and origins, as settings name them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_ORIGIN = re.compile(r"\*|https?://[^/\s@?#]+")


def _host(name: str) -> str:
    if not _HOST.fullmatch(name):
        raise ValueError(f"{name!r} is no host such as otmv.example, without a port")
    return name


def _origin(name: str) -> str:
    if not _ORIGIN.fullmatch(name):
        raise ValueError(f"{name!r} is no origin such as https://app.example")
    return name


HostName = Annotated[str, AfterValidator(_host)]
"""A name or an address that the header `Host` may have, without a port."""

Origin = Annotated[str, AfterValidator(_origin)]
"""Scheme, host and port of a web page; `*`: every one."""
