"""How many tokens an answer took to read, as OpenAI's API counts them."""

from __future__ import annotations

from typing import Any

from artifact.task import TASKS
from server.apis.exchange import Answered


def tokens_read(answered: Answered[Any]) -> int:
    """Return the tokens of pictures and texts that the engine was given."""
    config, read = answered.result.artifact.manifest.config, 0
    for request in answered.work.requests:
        task = TASKS[request.task]
        read += task.pictures * config.image_tokens_of(task.name)
        if task.text is not None:
            read += request.tokens or 0
    return read
