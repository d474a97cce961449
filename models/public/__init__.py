"""Public weights in: released, fine-tuned BEiT-3 checkpoints as OTMV models."""

from models.public.conversion import from_public, from_tensors
from models.public.errors import (
    MissingWeights,
    NotFinite,
    PublicWeightsError,
    ShapeMismatch,
    UnexpectedWeights,
    UnreadableText,
    UnreadableWeights,
    WrongRelease,
)
from models.public.importing import (
    RELEASED_FILE,
    UNTUNED_START,
    ReleasedFiles,
    StartOfTuning,
    import_release,
)
from models.public.labels import read_labels
from models.public.layout import public_shapes
from models.public.reading import read_public
from models.public.release import RELEASED_TASKS, released_config, with_image_size
from models.public.starting import start_from_release
from models.public.tokenizer import read_tokenizer

__all__ = [
    "RELEASED_FILE",
    "RELEASED_TASKS",
    "UNTUNED_START",
    "MissingWeights",
    "NotFinite",
    "PublicWeightsError",
    "ReleasedFiles",
    "ShapeMismatch",
    "StartOfTuning",
    "UnexpectedWeights",
    "UnreadableText",
    "UnreadableWeights",
    "WrongRelease",
    "from_public",
    "from_tensors",
    "import_release",
    "public_shapes",
    "read_labels",
    "read_public",
    "read_tokenizer",
    "released_config",
    "start_from_release",
    "with_image_size",
]
