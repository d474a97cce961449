"""What a part of the suite works with, and where it says what it found."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.nn.attention import SDPBackend, sdpa_kernel

from artifact.atomic import write_atomically
from loadtests.gpu.device.device import Device
from loadtests.gpu.suite.deadlines import TimeLimit
from loadtests.gpu.suite.sizes import Size


class NotRun(Exception):
    """A part has nothing to do here; `str()` says why, and what would change that."""


@dataclass
class Rig:
    """The device, the size, the time, and what earlier parts found.

    Attributes:
        deadline: of this part; it looks at it between its pieces.
        earlier: findings by part.
        found: what this part has found so far.
        path: where it is written after each piece, so that a part that is cut off leaves it.
    """

    device: Device
    size: Size
    seed: int
    deadline: TimeLimit
    earlier: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path: Path | None = None
    found: dict[str, Any] = field(default_factory=dict)

    def note(self, name: str, value: Any) -> None:
        """Add a finding, under `name` or `name.inner`."""
        place, keys = self.found, name.split(".")
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
        if self.path is not None:
            write_atomically(self.path, json.dumps(self.found))

    def said(self, part: str, name: str, default: Any = None) -> Any:
        """Return what an earlier part found, or the default."""
        return self.earlier.get(part, {}).get(name, default)

    @contextlib.contextmanager
    def attending(self) -> Iterator[None]:
        """Let attention use the kernel that the attention part found fastest, if it ran."""
        names = self.said("attention", "order", [])
        if not names:
            yield
            return
        backends = [getattr(SDPBackend, name) for name in names]
        with sdpa_kernel(backends, set_priority=True):
            yield
