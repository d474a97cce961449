"""What `otmv ask` sends to a server; whatever goes wrong ends the command with one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import httpx

from cli import console

_TIMEOUT_S = 60.0
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class AskedServer:
    """A running server.

    Attributes:
        url: its address, without a slash at the end.
        headers: of every request, as for an API key.
    """

    url: str
    headers: dict[str, str]


def fail(problem: str, code: int = 1) -> NoReturn:
    """Print what is wrong with the question or its answer as one line; end with `code`."""
    console.fail(problem, code=code)


def said_at(server: AskedServer, path: str) -> dict[str, Any] | None:
    """Return what a server says at a path; None: whatever it says is no answer."""
    try:
        response = httpx.get(server.url + path, timeout=_TIMEOUT_S, headers=server.headers)
        body = response.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        return None
    return body if isinstance(body, dict) else None


def post(
    server: AskedServer, path: str, images: Sequence[Path], form: dict[str, str]
) -> dict[str, Any]:
    """Return the answer to pictures and form fields, or end with one line."""
    with _request(server, path, images, form) as response:
        response.read()
        body = response.json()
        if not isinstance(body, dict):
            raise ValueError
        return body


def events(
    server: AskedServer, path: str, images: Sequence[Path], form: dict[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the data of each server-sent event of an answer."""
    name = ""
    with _request(server, path, images, form) as response:
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def problem_of(body: Any, status: int) -> str:
    """Return what an error's body says, in one line."""
    if not isinstance(body, dict):
        return f"the server answered {status}"
    fields = [f"{item['field']}: {item['problem']}" for item in body.get("errors", [])]
    detail = "; ".join(fields) or body.get("detail", "")
    if status == _UNAUTHORIZED:  # the server says which header; a command has an option
        detail = f"{detail.partition(';')[0]}; give a key with --key or OTMV_KEY"
    return f"{body.get('title', 'error')} ({status}): {detail}"


@contextmanager
def _request(
    server: AskedServer, path: str, images: Sequence[Path], form: dict[str, str]
) -> Iterator[httpx.Response]:
    """Send pictures and form; an error until the answer is read is one line."""
    files = [("image", (image.name, _read(image))) for image in images]
    sent: dict[str, Any] = {"files": files, "data": form, "headers": server.headers}
    try:
        with httpx.stream("POST", server.url + path, timeout=_TIMEOUT_S, **sent) as response:
            if response.is_error:
                response.read()
                fail(problem_of(response.json(), response.status_code))
            yield response
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        fail(
            f"no answer from {server.url}: {error} (start a server with: otmv serve, or give --url)"
        )
    except ValueError:
        fail(f"{server.url} is no otmv server (give --url)")


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        fail(f"cannot read {image}: {error.strerror}")
