"""A caption of a picture, whole or word by word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.commands.ask.sending import AskedServer, events, fail, post, problem_of
from cli.console import say

_PATH = "/v1/caption"


def ask(
    server: AskedServer, image: Path, form: dict[str, str], *, stream: bool, num_beams: int | None
) -> dict[str, Any]:
    """Print a caption, with `stream` while it is written; return the server's response."""
    if num_beams is not None:
        form = form | {"num_beams": str(num_beams)}
    if stream:
        return _streamed(server, image, form | {"stream": "true"})
    served = post(server, _PATH, [image], form)
    say(served["answers"][0]["caption"], style="bold")
    return served


def _streamed(server: AskedServer, image: Path, form: dict[str, str]) -> dict[str, Any]:
    event = ""
    data: dict[str, Any] = {}
    for event, data in events(server, _PATH, [image], form):
        if event == "token":
            say(data["text"], style="bold", end="")
    say("")
    if event != "done":
        fail(problem_of(data, data.get("status", 500)))
    return data
