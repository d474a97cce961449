"""What a rival's program is given. Imports little, so that both environments can read it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from artifact.task import VQA

PATH = f"/v1/{VQA.name}"
"""Where every side answers questions."""


@dataclass(frozen=True)
class RivalOptions:
    """What a rival serves, where, and its own settings.

    `artifact` is an absolute path. `max_batch` and `wait_ms` set its batching; a request older
    than `timeout_ms` may be dropped, in the way the rival does that. `workers` is how many batches
    run at once, each on `threads` threads, which wait for work actively if they `spin`.
    """

    artifact: str
    variant: str
    port: int
    threads: int
    max_batch: int
    wait_ms: int
    timeout_ms: int
    workers: int = 1
    spin: bool = True

    def to_json(self) -> str:
        """Return it as a program's argument."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> RivalOptions:
        """Read `to_json`'s text."""
        return cls(**json.loads(text))
