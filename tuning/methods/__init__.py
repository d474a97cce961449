"""How a model is tuned: one module per method, chosen by `tuning_method`."""

from __future__ import annotations

from models.once_tuning.merge import merge_named
from tuning.methods.adapter import AdapterTuning
from tuning.methods.contract import TuningMethod
from tuning.methods.full import FullTuning
from tuning.methods.otmv import OtmvTuning
from tuning.recipes.parts import Adapt, Full, Otmv


def tuning_method(said: Full | Otmv | Adapt) -> TuningMethod:
    """Return the method that a recipe names."""
    match said:
        case Full():
            return FullTuning(said.depth)
        case Otmv():
            return OtmvTuning(said, merge_named(said.merge))
        case Adapt():
            return AdapterTuning(said)
