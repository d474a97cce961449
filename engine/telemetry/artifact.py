"""What is served, and how good it is."""

from __future__ import annotations

import math
from collections.abc import Mapping

from artifact.task import TaskName
from engine.telemetry.instruments import BY_VARIANT, Instruments
from engine.types import MadeBy


class ArtifactInstruments:
    """What is served, and how good it is."""

    def __init__(self, made: Instruments) -> None:
        self._quality = made.gauge(
            "variant_quality", "Measured or declared task accuracy, 0 to 1.", *BY_VARIANT
        )
        self._agreement = made.gauge(
            "variant_agreement",
            "Share of answers that are the deepest variant's, where the artifact says it.",
            *MadeBy._fields,
        )
        self._audited = made.counter(
            "audited_answers",
            "Answers of lower variants run again at the deepest one; whether that says the same.",
            *MadeBy._fields,
            "agrees",
        )
        self._artifact = made.gauge("artifact_info", "The artifact served: 1.", "name", "sha256")
        self._offered: frozenset[tuple[TaskName, str]] = frozenset()

    def audited(self, made_by: MadeBy, agrees: bool) -> None:
        """Count an answer that was run again at the deepest variant."""
        self._audited.labels(*made_by, str(agrees).lower()).inc()

    def watch_agreements(self, expected: Mapping[MadeBy, float | None], audited: bool) -> None:
        """Record which share of answers is expected to agree with the deepest variant's, in the
        place of what was before; None where that is not known. If any are audited, their counts
        begin at 0.
        """
        self._agreement.clear()
        for made_by, agreement in expected.items():
            for agrees in ("true", "false") if audited else ():
                self._audited.labels(*made_by, agrees)
            if agreement is not None:
                self._agreement.labels(*made_by).set(agreement)

    def serving(self, name: str, sha256: str) -> None:
        """Record which artifact is served, in the place of the one before."""
        self._artifact.clear()
        self._artifact.labels(name, sha256).set(1)

    def watch_offers(self, qualities: Mapping[tuple[TaskName, str], float | None]) -> None:
        """Record what is served, by task and variant, in the place of what was before."""
        for (task, variant), quality in qualities.items():
            self.offer(task, variant, quality)
        for gone in self._offered - qualities.keys():
            self._quality.remove(*gone)
        self._offered = frozenset(qualities)

    def offer(self, task: TaskName, variant: str, quality: float | None) -> None:
        """Record that a variant is served, and its quality; NaN if it was never measured."""
        self._quality.labels(task, variant).set(math.nan if quality is None else quality)
