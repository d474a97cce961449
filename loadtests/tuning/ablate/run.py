"""One run of an ablation: what is tuned or measured, as data. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

TUNED = "tuning.finetuning.ablated.run"
"""The module that tunes and measures; others take settings of their own."""

Found = Mapping[str, Mapping[str, Any]]
"""What runs found, by their keys."""


@dataclass(frozen=True)
class Preparation:
    """A folder that runs read, made once by a command of ours.

    Attributes:
        name: of the folder, in the folder of the work; recipes call it `@name`.
        command: the words behind `otmv`; `@name` is where it goes.
    """

    name: str
    command: tuple[str, ...]

    @property
    def said(self) -> str:
        """What recipes call it."""
        return f"@{self.name}"


@dataclass(frozen=True)
class AblationRun:
    """One run.

    Attributes:
        arm: what it differs in from others of its ablation.
        data: what it is tuned on.
        seed: of weights, batches and gates.
        settings: of its module, without the folder.
        module: what is run.
        needs: folders that it reads.
        starts_from: the run whose checkpoint it begins with.
        as_long_as: a run, and the share of its processor time that this one has.
        rehearsed: the recipe whose steps take as long as its steps; None: its time is not known.
        alone: nothing else runs beside it: it measures times.
    """

    arm: str
    data: str
    seed: int
    settings: Mapping[str, Any]
    module: str = TUNED
    needs: tuple[Preparation, ...] = ()
    starts_from: AblationRun | None = None
    as_long_as: tuple[AblationRun, float] | None = None
    rehearsed: Mapping[str, Any] | None = field(default=None, compare=False)
    alone: bool = False

    @property
    def name(self) -> str:
        """What progress and tables call it."""
        return f"{self.data}, {self.arm}, seed {self.seed}"

    @cached_property
    def key(self) -> str:
        """Text that two runs share only if they are the same; other ablations find it by this."""
        start, length = self.starts_from, self.as_long_as
        facts = {
            "module": self.module,
            "settings": self.settings,
            "needs": [[each.name, each.command] for each in self.needs],
            "starts_from": start.key if start else None,
            "as_long_as": [length[0].key, length[1]] if length else None,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def before(self) -> tuple[AblationRun, ...]:
        """The runs that end before it begins."""
        start, length = self.starts_from, self.as_long_as
        return (*((start,) if start else ()), *((length[0],) if length else ()))

    def words(self, folder: Path, found: Found) -> str:
        """Return the settings as its module takes them.

        Args:
            folder: of the work.
            found: what the runs before it found.
        """
        said: dict[str, Any] = _placed(dict(self.settings), folder)
        if self.module == TUNED:
            said["folder"] = str(folder_of(folder, self))
        if self.starts_from is not None:
            start = {"checkpoint": str(folder_of(folder, self.starts_from))}
            said["recipe"]["model"] = {**said["recipe"]["model"], **start}
        if self.as_long_as is not None:
            run, share = self.as_long_as
            said["cpu_s"] = share * found[run.key]["cpu_s"]
        return json.dumps(said)


def folder_of(folder: Path, run: AblationRun) -> Path:
    """Return where a run keeps its checkpoint."""
    return folder / "runs" / run.key


def in_order(runs: Iterable[AblationRun]) -> list[AblationRun]:
    """Return the runs and all that they wait for, each once, none before what it waits for."""
    found: dict[str, AblationRun] = {}

    def add(run: AblationRun) -> None:
        for each in run.before:
            add(each)
        found.setdefault(run.key, run)

    for run in runs:
        add(run)
    return list(found.values())


def _placed(value: Any, folder: Path) -> Any:
    """Put the paths of prepared folders in place of their names."""
    if isinstance(value, str) and value.startswith("@"):
        return str(folder / value[1:])
    if isinstance(value, Mapping):
        return {name: _placed(each, folder) for name, each in value.items()}
    return [_placed(each, folder) for each in value] if isinstance(value, (list, tuple)) else value
