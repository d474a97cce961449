"""EngineConfig: every choice an operator can make about the engine. Reads no environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path


def default_cache_dir() -> Path:
    """Return `$XDG_CACHE_HOME/otmv`, `~/.cache/otmv`, or without a home a user's temporary folder.

    A user has no home who has no entry in the user database and no HOME, as in containers that run
    under any number.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "otmv"
    try:
        return Path.home() / ".cache" / "otmv"
    except RuntimeError:
        return _own_temporary_folder()


def _own_temporary_folder() -> Path:
    """Return the user's own temporary folder; a fresh one, if another user owns that path."""
    folder = Path(tempfile.gettempdir()) / f"otmv-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="otmv-"))
    return folder


@dataclass(frozen=True)
class EngineConfig:
    """How to load and run one artifact.

    `backend` is a name of the registry, or "auto": the fastest that passes here (ADR 0016).
    `memory_budget_bytes` bounds the measured bytes of loaded stages (None: all of them);
    `max_batch` rows share a step at most (a statement needs two); `caption_slots` bounds the texts
    of open captions, each beam being one (None: four times `max_batch`); `adapter_places` bounds
    the adapters that are loaded at once; `queue_limit` requests are open at once, waiting or
    running; `threads` 0 means every core. A request without a latency
    budget gets `default_latency_ms` (None: no deadline). `grace_s` is how long past its deadline a
    `degrade` request is still worked on. `late_answer_worth` is what its late answer is worth, as a
    share of its quality. `audit_share` of the answers that lower variants give are run again at the
    deepest one while the engine is idle. `profile_limit_s` bounds the measuring at first start.
    `beside_bytes` says that another engine of this process answers meanwhile, and to how many bytes
    it has grown the workspace they share (None: there is none): a cached latency profile is then
    believed, and one measured is not kept, for both would be measured under load (ADR 0026).
    """

    backend: str = "onnxruntime"
    memory_budget_bytes: int | None = None
    max_batch: int = 8
    queue_limit: int = 256
    caption_slots: int | None = None
    adapter_places: int = 64
    threads: int = 0
    grace_s: float = 10.0
    late_answer_worth: float = 0.0
    audit_share: float = 0.0
    default_latency_ms: float | None = 30_000.0
    cache_dir: Path = field(default_factory=default_cache_dir)
    profile_limit_s: float = 30.0
    check_golden: bool = True
    beside_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.max_batch < 1 or self.queue_limit < 1 or self.threads < 0:
            raise ValueError("max_batch and queue_limit are at least 1, threads at least 0")
        if self.caption_slots is not None and self.caption_slots < 1:
            raise ValueError("caption_slots is at least 1, or None")
        if self.adapter_places < 0:
            raise ValueError("adapter_places is at least 0")
        if self.grace_s < 0 or self.profile_limit_s <= 0:
            raise ValueError("grace_s is not negative, profile_limit_s is positive")
        if not 0 <= self.late_answer_worth <= 1:
            raise ValueError("late_answer_worth is a share from 0 to 1")
        if not 0 <= self.audit_share <= 1:
            raise ValueError("audit_share is a share from 0 to 1")
        if self.memory_budget_bytes is not None and self.memory_budget_bytes <= 0:
            raise ValueError("memory_budget_bytes is positive, or None for no limit")
