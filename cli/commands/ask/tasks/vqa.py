"""A question about a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli.commands.ask.sending import AskedServer, post
from cli.console import say


def ask(
    server: AskedServer, image: Path, question: str, top_k: int, form: dict[str, str]
) -> dict[str, Any]:
    """Print the likeliest answers with their scores; return the server's response."""
    said = form | {"question": question, "top_k": str(top_k)}
    served = post(server, "/v1/vqa", [image], said)
    for index, item in enumerate(served["answers"][0]["top_k"]):
        say(f"{item['answer']}  {item['score']:.3f}", style="dim" if index else "bold")
    return served
