"""A rival's settings for one variant, and the files they are committed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from loadtests.kit.errors import BenchError

SETTINGS = Path(__file__).with_name("settings")
"""Best settings found on two cores, RIVAL/VARIANT.json; on another machine others may be better."""


@dataclass(frozen=True, order=True)
class RivalSettings:
    """What an operator of a rival sets.

    Batching: most rows and how long to wait for them. `workers` batches run at once (OpenVINO's
    streams, Ray's replicas), each on `threads` threads, which spin while they wait for work or not.
    `timeout_over_solo` is the age, over the full variant's solo time, that requests are dropped at:
    all rivals have such a limit; without one, all answer everything too late for good once they
    have fallen behind.
    """

    max_batch: int
    wait_ms: int
    timeout_over_solo: int
    threads: int
    workers: int = 1
    spin: bool = True


_SETTINGS = TypeAdapter(RivalSettings)


def settings_file(folder: Path, rival: str, variant: str) -> Path:
    """Return where a rival's settings for a variant are kept."""
    return folder / rival / f"{variant}.json"


def read_settings(
    folder: Path, rivals: Sequence[str], variants: Sequence[str]
) -> dict[str, dict[str, RivalSettings]]:
    """Read the settings of these rivals for each of these variants.

    Raises:
        BenchError: there are none, or a file is not what tuning writes.
    """
    return {
        rival: {each: _read(settings_file(folder, rival, each)) for each in variants}
        for rival in rivals
    }


def _read(path: Path) -> RivalSettings:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
        return _SETTINGS.validate_python(found["settings"])
    except OSError as error:
        raise BenchError(f"{path} is not there: otmv bench slo --tune-rivals") from error
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        raise BenchError(f"{path} holds no settings: otmv bench slo --tune-rivals") from error
