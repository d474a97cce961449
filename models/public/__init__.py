"""Public weights in: released, fine-tuned BEiT-3 checkpoints as OTMV models."""

from models.public.conversion import from_public
from models.public.errors import (
    MissingWeights,
    PublicWeightsError,
    ShapeMismatch,
    UnexpectedWeights,
    UnreadableWeights,
)
from models.public.layout import public_shapes

__all__ = [
    "MissingWeights",
    "PublicWeightsError",
    "ShapeMismatch",
    "UnexpectedWeights",
    "UnreadableWeights",
    "from_public",
    "public_shapes",
]
