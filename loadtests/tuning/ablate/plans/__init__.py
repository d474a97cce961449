"""The ablations: one module each, found in `ABLATIONS`. A new one is a module and an entry."""

from __future__ import annotations

from collections.abc import Mapping

from loadtests.tuning.ablate.plans.adalink import ADALINK
from loadtests.tuning.ablate.plans.adapters import ADAPTERS
from loadtests.tuning.ablate.plans.coefficients import COEFFICIENTS
from loadtests.tuning.ablate.plans.contract import Ablation
from loadtests.tuning.ablate.plans.cost import COST
from loadtests.tuning.ablate.plans.depth import DEPTH
from loadtests.tuning.ablate.plans.merge import MERGE
from loadtests.tuning.ablate.plans.skip_probability import SKIP_PROBABILITY

ABLATIONS: Mapping[str, Ablation] = {
    each.name: each
    for each in (SKIP_PROBABILITY, COEFFICIENTS, MERGE, COST, DEPTH, ADAPTERS, ADALINK)
}
"""Every ablation by its name, in the order in which lists show them."""
