"""A whole ablation: its runs, what they found, and the file and the picture of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artifact.latency.machine import machine_fingerprint
from loadtests.kit import journal
from loadtests.kit.errors import BenchError
from loadtests.kit.origin import code_hash, is_clean
from loadtests.kit.progress import Report
from loadtests.tuning.ablate.drawing import draw
from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.run import AblationRun, in_order
from loadtests.tuning.ablate.runner import CODE, Runner, Take, commits_of, take_apart
from loadtests.tuning.ablate.scale import AblationScale
from loadtests.tuning.ablate.summary import Summary

QUICK_LABEL = "quick: a look, no result"


@dataclass(frozen=True)
class Ablated:
    """An ablation that was run.

    Attributes:
        ablation, scale: what, and how large.
        summary: what came of it.
        taken: every run with what it found.
        commits: that runs were taken at.
        journal: what the numbers depend on.
    """

    ablation: Ablation
    scale: AblationScale
    summary: Summary
    taken: Sequence[Mapping[str, Any]]
    commits: Sequence[str]
    journal: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Over the picture."""
        label = f", {QUICK_LABEL}" if self.scale.quick else ""
        return f"{self.ablation.title}{label}"

    def facts(self) -> dict[str, Any]:
        """Return what the results file says before its bars."""
        return {
            "ablation": self.ablation.name,
            "asks": self.ablation.asks,
            "scale": self.scale.name,
            **({"label": QUICK_LABEL} if self.scale.quick else {}),
            "code": self.journal["code"],
            "commits_of_runs": list(self.commits),
            "seeds": sorted({run["seed"] for run in self.taken}),
        }

    def measured(self) -> dict[str, Any]:
        """Return what the results file says behind its bars."""
        return {
            "claims": [claim.record() for claim in self.summary.claims],
            "notes": list(self.summary.notes),
            "panels": [panel.record() for panel in self.summary.panels],
            "runs": list(self.taken),
        }

    def check_commits(self) -> None:
        """Refuse to publish runs of a work tree that was changed.

        Raises:
            BenchError: a run was taken there.
        """
        if unclean := [commit for commit in self.commits if not is_clean(commit)]:
            raise BenchError(
                f"some runs are of {unclean[0] or 'no git'}, no clean commit: --fresh takes them "
                "again, --dirty-ok writes them all the same"
            )

    def draw(self, path: Path) -> None:
        """Draw the picture.

        Raises:
            OSError: the file cannot be written.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(self.summary, self.title, path)


def run(
    ablation: Ablation,
    scale: AblationScale,
    folder: Path,
    report: Report,
    *,
    at_once: int = 1,
    fresh: bool = False,
    take: Take = take_apart,
) -> Ablated:
    """Take every run of an ablation that is not kept yet, and summarise them all.

    Args:
        ablation: what is run.
        scale: how large.
        folder: of checkpoints, data and the journal, where a stopped run goes on.
        report: told how far it is.
        at_once: runs beside each other.
        fresh: forget what is kept at this scale.
        take: runs one.

    Raises:
        BenchError: a run failed, or the journal is of other code or another machine.
        OSError: the disk refuses.
    """
    facts = {"machine": machine_fingerprint(), "code": code_hash(CODE), "scale": scale.name}
    runs = ablation.runs(scale)
    with journal.opened(journal_of(folder, scale), facts, fresh=fresh) as kept:
        found = Runner(folder, kept, at_once, take).run(runs, report)
        summary = ablation.summarise(scale, runs, found)
        taken = [{"key": each.key, **kept[each.key]} for each in in_order(runs)]
        return Ablated(ablation, scale, summary, taken, commits_of(kept, runs), facts)


def journal_of(folder: Path, scale: AblationScale) -> Path:
    """Return where the runs of a scale are kept."""
    return folder / f"{scale.name}.jsonl"


def kept_keys(folder: Path, scale: AblationScale, runs: Sequence[AblationRun]) -> set[str]:
    """Return the keys of the runs that are kept; it writes nothing.

    Raises:
        BenchError: the journal is of other code or another machine.
        OSError: it cannot be read.
    """
    path = journal_of(folder, scale)
    if not path.is_file():
        return set()
    facts = {"machine": machine_fingerprint(), "code": code_hash(CODE), "scale": scale.name}
    with journal.opened(path, facts) as kept:
        return {run.key for run in in_order(runs) if run.key in kept}
