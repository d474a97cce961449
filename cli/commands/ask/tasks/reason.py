"""A statement about two pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.commands.ask.sending import AskedServer, post
from cli.console import say


def ask(
    server: AskedServer, images: tuple[Path, Path], statement: str, form: dict[str, str]
) -> dict[str, Any]:
    """Print whether it is true and how sure that is; return the server's response."""
    served = post(server, "/v1/reason", images, form | {"statement": statement})
    (answer,) = served["answers"]
    say(f"{str(answer['answer']).lower()}  {answer['score']:.3f}", style="bold")
    return served
