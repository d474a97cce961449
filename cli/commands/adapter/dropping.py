"""`otmv adapter drop`: what it sends to a server."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from cli.commands.ask.sending import AskedServer, problem_of
from cli.console import fail

_TIMEOUT_S = 60.0


def drop_at(server: AskedServer, name: str) -> None:
    """Ask a server to drop an adapter, or end with one line."""
    address = f"{server.url}/v1/adapters/{quote(name, safe='')}"
    try:
        response = httpx.delete(address, timeout=_TIMEOUT_S, headers=server.headers)
        if response.is_error:
            fail(problem_of(response.json(), response.status_code))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(f"no answer from {server.url}: {error} (give --url)")
    except ValueError:
        fail(f"{server.url} is no otmv server (give --url)")
