"""What a comparison of the benchmark is given."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class EngineBench:
    """One comparison's task.

    Artifacts lie in `artifacts`, what this machine learns of them in `cache`. `backend` is a name
    of the engine's registry; `pairs` is how often both sides are measured; `seed` draws the
    pictures.
    """

    artifacts: Path
    demo: Path
    backend: str
    pairs: int
    seed: int

    @property
    def cache(self) -> Path:
        """Where latency profiles are kept."""
        return self.artifacts / "cache"

    def to_json(self) -> str:
        """Return it for another process."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> EngineBench:
        """Read `to_json`'s text."""
        found = json.loads(text)
        artifacts, demo = Path(found["artifacts"]), Path(found["demo"])
        return cls(artifacts, demo, found["backend"], found["pairs"], found["seed"])
