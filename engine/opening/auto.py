"""Opening an artifact on the backend asked for, or on the one that suits this machine best."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

from artifact.latency.machine import machine_fingerprint
from artifact.store import Artifact
from engine.backends.registry import candidate_backends
from engine.config import EngineConfig
from engine.errors import BackendError, LoadFailed
from engine.opening.apart import try_apart
from engine.opening.cache import remember
from engine.opening.choose import BackendChoice, BackendTrial, Remembered, choose
from engine.opening.open import OpenedEngine, open_engine
from engine.residency.stages import Progress

AUTO = "auto"
_LOG = logging.getLogger(__name__)

TryBackend = Callable[[Artifact, EngineConfig], BackendTrial]


def open_chosen(
    artifact: Artifact,
    config: EngineConfig,
    on_progress: Progress,
    measure_again: bool = False,
    try_backend: TryBackend = try_apart,
) -> OpenedEngine:
    """Open the artifact on `config.backend`; for "auto" choose it, and say which one and why.

    A choice is remembered beside the latency profile and holds while libraries, batch size and
    memory budget stay the same and it passes the golden check.

    Raises:
        LoadFailed, ParityFailed: nothing stays loaded then.
    """
    if config.backend != AUTO:
        opened = open_engine(artifact, config, on_progress, measure_again)
    else:
        opened = _open_auto(artifact, config, on_progress, measure_again, try_backend)
    _LOG.info("backend %s: %s", opened.backend.name, opened.reason)
    return opened


def _open_auto(
    artifact: Artifact,
    config: EngineConfig,
    on_progress: Progress,
    measure_again: bool,
    try_backend: TryBackend,
) -> OpenedEngine:
    candidates = candidate_backends()
    if len(candidates) == 1:
        only = BackendChoice(next(iter(candidates)), "the only one installed")
        return _open(only, artifact, config, on_progress, measure_again)
    path = _path(artifact, config)
    setting = f"{candidates} batch {config.max_batch} budget {config.memory_budget_bytes}"
    known = Remembered.read(path)
    if known is not None and known.setting == setting and not measure_again:
        try:
            return _open(known.choice, artifact, config, on_progress)
        except BackendError as error:
            _LOG.warning("backend %s was chosen before: %s", known.choice.backend, error)
    trials = []
    for number, name in enumerate(candidates):
        on_progress(f"trying backend {name}", number / len(candidates))
        one = dataclasses.replace(config, backend=name, check_golden=True)
        trials.append(try_backend(artifact, one))
    found = choose(trials, known.choice.backend if known is not None else None)
    if found is None:
        each = "; ".join(f"{trial.backend}: {trial.error}" for trial in trials)
        raise LoadFailed("backend auto", f"none passed: {each}", "export the artifact again")
    remember(path, Remembered(setting, found).to_json())
    return _open(found, artifact, config, on_progress)


def _open(
    choice: BackendChoice,
    artifact: Artifact,
    config: EngineConfig,
    on_progress: Progress,
    measure_again: bool = False,
) -> OpenedEngine:
    for line in choice.skipped:
        _LOG.warning("backend skipped: %s", line)
    one = dataclasses.replace(config, backend=choice.backend)
    opened = open_engine(artifact, one, on_progress, measure_again)
    return dataclasses.replace(opened, reason=choice.reason)


def _path(artifact: Artifact, config: EngineConfig) -> Path:
    text = "\n".join((artifact.hash, machine_fingerprint(), str(config.threads)))
    name = hashlib.sha256(text.encode()).hexdigest()[:24]
    return config.cache_dir / "backend" / f"{name}.json"
