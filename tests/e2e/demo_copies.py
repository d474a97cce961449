"""The demo, and copies of it that differ in one thing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from artifact.golden import CASES_NAME
from artifact.manifest import MANIFEST_NAME
from artifact.store import sha256_of

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "examples" / "demo-artifact"
_CASES = 60


def write_demo_copy(out: Path, name: str, halved: bool = False) -> Path:
    """Copy the demo under another name, with a few of its labelled cases: it starts in seconds.

    `halved`: it says that its qualities are half as high.
    """
    shutil.copytree(DEMO, out)
    cases = out / CASES_NAME
    cases.write_text("".join(cases.read_text().splitlines(keepends=True)[:_CASES]))
    manifest = json.loads((out / MANIFEST_NAME).read_text())
    manifest["name"] = name
    manifest["golden"] |= {"count": _CASES, "quality": {"vqa": {"full": 0.5}}}
    record = {"sha256": sha256_of(cases), "size_bytes": cases.stat().st_size}
    manifest["files"][CASES_NAME] |= record
    for variant in manifest["variants"] if halved else ():
        for by_precision in variant["quality"].values():
            for precision, quality in by_precision.items():
                by_precision[precision] = quality and quality / 2
    (out / MANIFEST_NAME).write_text(json.dumps(manifest))
    return out
