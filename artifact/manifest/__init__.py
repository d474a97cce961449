"""`manifest.json`: `document.py` the whole of it, `records.py` what it is made of."""

from artifact.manifest.document import (
    MANIFEST_NAME,
    SCHEMA_VERSION,
    WEIGHTS_NAME,
    WRITER,
    Manifest,
    writer_of,
)
from artifact.manifest.records import (
    BucketRecord,
    ChainRecord,
    ChainStopRecord,
    DomainRecord,
    FileRecord,
    GoldenRecord,
    LadderRecord,
    ParityRecord,
    SplitsRecord,
    StageFile,
    TensorSpec,
    TextRecord,
    VariantRecord,
)

__all__ = [
    "MANIFEST_NAME",
    "SCHEMA_VERSION",
    "WEIGHTS_NAME",
    "WRITER",
    "BucketRecord",
    "ChainRecord",
    "ChainStopRecord",
    "DomainRecord",
    "FileRecord",
    "GoldenRecord",
    "LadderRecord",
    "Manifest",
    "ParityRecord",
    "SplitsRecord",
    "StageFile",
    "TensorSpec",
    "TextRecord",
    "VariantRecord",
    "writer_of",
]
