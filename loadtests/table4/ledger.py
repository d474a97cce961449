"""A client's ledger: what it sent to a server, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from artifact.atomic import write_atomically
from artifact.task import TaskName
from loadtests.kit.errors import BenchError


@dataclass
class Count:
    """Requests for one variant: answered, the pictures in them, and others by status."""

    answered: int = 0
    pictures: int = 0
    refused: dict[str, int] = field(default_factory=dict)


@dataclass
class Ledger:
    """One run of `otmv bench table4 --drive`; `begun_at_s` and `ended_at_s` are Unix seconds.

    The first request was sent after `begun_at_s`, the last answered before `ended_at_s`.
    """

    url: str
    task: TaskName
    concurrency: int
    per_turn: int
    words: int
    begun_at_s: float
    ended_at_s: float
    variants: Mapping[str, Count]

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        write_atomically(path, json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises:
            BenchError: it cannot be read, or is something else.
        """
        try:
            found = json.loads(path.read_text("utf-8"))
            counts = {name: Count(**count) for name, count in found.pop("variants").items()}
            return cls(**found, variants=counts)
        except OSError as error:
            fix = "write it with `otmv bench table4 --drive URL --ledger FILE`"
            raise BenchError(f"{path}: {error.strerror}: {fix}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BenchError(f"{path} is no ledger of `otmv bench table4 --drive`") from error
