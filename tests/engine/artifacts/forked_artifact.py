"""The tiny artifact with variants off the ladder, where the ways part."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from artifact.pattern import SkipPattern
from artifact.store import Artifact, open_artifact


def write_forked(artifact: Artifact, folder: Path) -> Artifact:
    """Return a copy with variants off the ladder: after order 0 the ways part, twice."""
    shutil.copytree(artifact.root, folder)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    example = manifest["variants"][0]
    quality = {"1111": 0.9, "1011": 0.88, "1100": 0.8, "1001": 0.78, "1010": 0.7, "1000": 0.6}
    manifest["variants"] = []
    for bits, score in quality.items():
        made = SkipPattern.from_bits(bits)
        manifest["variants"].append(
            example
            | {
                "id": made.variant_id(on_ladder=bits in ("1100", "1000")),
                "pattern": list(made.executed),
                "executed_parameters": 16 * made.depth,
                "quality": {task: {"fp32": score} for task in manifest["tasks"]},
            }
        )
    path.write_text(json.dumps(manifest))
    return open_artifact(folder)
