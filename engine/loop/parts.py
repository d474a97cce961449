"""What the loop works with."""

from __future__ import annotations

from dataclasses import dataclass

from engine.clock import Clock
from engine.loop.caption_rounds import CaptionRounds
from engine.loop.stepper import Stepper
from engine.requests.endings import Endings
from engine.requests.open_requests import OpenRequests
from engine.requests.prediction import Predictor
from engine.requests.variants import VariantSetter
from engine.residency.stages import StageSet
from engine.telemetry import Telemetry


@dataclass(frozen=True)
class LoopParts:
    """What the loop works with; `captions` is None where no task writes."""

    stages: StageSet
    stepper: Stepper
    captions: CaptionRounds | None
    variants: VariantSetter
    requests: OpenRequests
    endings: Endings
    predictor: Predictor
    clock: Clock
    telemetry: Telemetry
