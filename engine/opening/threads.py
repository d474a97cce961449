"""How many threads a stage runs on: as many as pay, beside the front that feeds the engine.

A thread of the engine takes a core from what answers HTTP and decodes pictures. Beside a small
model that is missing, while a large one is worth every core.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from artifact.latency.machine import machine_fingerprint, usable_cores
from artifact.latency.profile import profile_key
from artifact.store import Artifact
from engine.config import EngineConfig
from engine.opening.apart import asked_apart
from engine.opening.cache import remember

FRONT_CPU_S = 1.7e-3
"""What a small question takes of a processor outside the engine's library."""
_LEAST_SHARE = 0.75
"""How much of a core must be left to the engine for one more thread."""
_LEAST_PART_S = 2.5e-4
"""A call is not cut into shorter parts: threads would spend their time handing over."""
_MEASURED_ON = {"onnxruntime": "onnxruntime", "openvino": "openvino", "auto": "onnxruntime"}
"""Backends on the processor, and the one that their threads are counted with."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class OneThread:
    """Processor seconds on one thread: of a question in a full batch, and of one call for that."""

    question_s: float
    call_s: float


MeasureOneThread = Callable[[Artifact, EngineConfig], OneThread | None]
"""Measures one thread; returns None where that fails."""


def threads_that_pay(cores: int, one: OneThread) -> int:
    """Return the engine's share of the cores, if each question is worked on by it and the front.

    Processor time is compared, which other processes on the machine hardly change.
    """
    share = cores * one.question_s / (one.question_s + FRONT_CPU_S)
    threads = int(share + 1 - _LEAST_SHARE)
    return max(1, min(threads, cores, int(one.call_s / _LEAST_PART_S)))


def with_threads(
    artifact: Artifact,
    config: EngineConfig,
    measure_again: bool = False,
    measure: MeasureOneThread | None = None,
) -> EngineConfig:
    """Return the configuration with a number of threads, if its backend needs one and it has none.

    It is measured once, in a process of its own, so that no memory of it stays here; then read from
    the cache folder. Where measuring fails, every usable core is taken.
    """
    if config.threads or config.backend not in _MEASURED_ON:
        return config
    cores = usable_cores()
    path = _path(artifact, config)
    known = None if measure_again else _read(path, cores)
    threads = known or cores
    if known is None and cores > 1:
        one = (measure or _measured_apart)(artifact, config)
        if one is not None:
            threads = threads_that_pay(cores, one)
            remember(path, json.dumps({"threads": threads}) + "\n")
    _LOG.debug("engine threads: %d of %d", threads, cores)
    return dataclasses.replace(config, threads=threads)


def _measured_apart(artifact: Artifact, config: EngineConfig) -> OneThread | None:
    order = {
        "artifact": str(artifact.root),
        "backend": _MEASURED_ON[config.backend],
        "max_batch": config.max_batch,
    }
    try:
        line, _ = asked_apart("engine.opening.thread_trial", order)
        return OneThread(**json.loads(line))
    except (OSError, ValueError, TypeError) as error:
        _LOG.warning("engine threads could not be measured: %s", error)
        return None


def _path(artifact: Artifact, config: EngineConfig) -> Path:
    library = f"{config.backend} batch {config.max_batch}"
    key = profile_key(artifact.hash, machine_fingerprint(), library, 0)
    return config.cache_dir / "threads" / f"{key}.json"


def _read(path: Path, cores: int) -> int | None:
    """Return the number that was chosen before; None if there is none that can be read."""
    try:
        threads = json.loads(path.read_text("utf-8"))["threads"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        _LOG.warning("%s: %s (choosing again)", path, error)
        return None
    return threads if isinstance(threads, int) and 0 < threads <= cores else None
