"""A typed client for otmv servers.

from otmv_serve import OtmvClient, RequestBudget

with OtmvClient("http://127.0.0.1:8000") as client:
    reply = client.ask("picture.jpg", "how many circles?", RequestBudget(max_latency_ms=50))
    print(reply.answer, reply.variant, reply.variant_quality)

Importing it changes no path and loads no module of the server. httpx and pydantic are loaded with
the first name that is used: the `otmv` command starts from this package too, and needs neither to
say its version.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otmv_serve.public import *  # noqa: F403 - `__all__` of that module is the only list


def __getattr__(name: str) -> Any:
    """Give a public name, and with it all others."""
    if not name.startswith("_") or name == "__all__":
        public = import_module("otmv_serve.public")
        if name in (*public.__all__, "__all__"):
            return getattr(public, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return list(import_module("otmv_serve.public").__all__)
