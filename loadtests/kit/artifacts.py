"""The artifacts the benchmark runs on: beit3_base with random weights, made once and kept."""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from artifact.errors import how_to_install
from artifact.manifest import MANIFEST_NAME, Manifest, VariantRecord
from artifact.pattern import SkipPattern
from artifact.store import ArtifactWriter, open_artifact
from artifact.task import CAPTION
from loadtests.kit.errors import BenchError
from loadtests.kit.processes.child import run_child
from loadtests.kit.progress import Report

CURVE = Path(__file__).parents[1] / "slo" / "quality_curve.json"

FAMILY = "base2-family"
"""Four variants with a declared quality each, all also as one graph: `otmv bench slo`."""

_BASE = ("--random", "beit3_base", "--image-size", "224")

EXPORTS = {
    "base1": ("--keys", "1", "--whole", "full"),
    "base12": ("--keys", "12", "--whole", "full"),
    "base1-adapters": (
        *("--keys", "1", "--depths", "12", "--whole", "none"),
        *("--adapters", "adalink:64", "--adapters", "lora:16", "--adapters", "serial:64"),
    ),
    "base1-caption": ("--keys", "1", "--tasks", CAPTION.name, "--whole", "none"),
    FAMILY: ("--keys", "2", "--depths", "3,6,9,12", "--quality-curve", str(CURVE)),
}
"""Folder to the options of `otmv export`, beside those of a random beit3_base at 224 px."""

MANY = "base1-64"
"""base1 with `VARIANTS` variants over the same stages."""

VARIANTS = 64


def ensure_artifacts(folder: Path, names: Collection[str], report: Report) -> dict[str, str]:
    """Make those of the named artifacts that `folder` lacks; return the hash of each.

    Raises:
        BenchError: exporting needs an extra that is not installed, or failed.
        ArtifactError, OSError: what is there cannot be used, or the disk refuses.
    """
    for number, name in enumerate(sorted(names)):
        report(f"preparing {name}", number / len(names))
        if name == MANY:
            _write_many_once(folder / "base1", folder / MANY)
        elif not (folder / name / MANIFEST_NAME).is_file():
            export(folder / name, [*_BASE, *EXPORTS[name]])
    return {name: open_artifact(folder / name, verify=False).hash for name in sorted(names)}


def export(out: Path, options: Sequence[str]) -> None:
    """Make an artifact with `otmv export`, in a process of its own.

    Raises:
        BenchError: an extra that it needs is not installed, or it failed.
    """
    missing = [name for name in ("torch", "onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise BenchError(
            f"{out} is not there and exporting it needs {missing[0]}: {how_to_install('export')}"
        )
    run_child("cli.main", ["export", *options, "--out", str(out)], f"exporting {out}")


def _write_many_once(source: Path, out: Path) -> None:
    """Write it if it is missing, or made from other files than those of `source`."""
    files = open_artifact(source, verify=False).manifest.files
    there = (out / MANIFEST_NAME).is_file()
    if not there or open_artifact(out, verify=False).manifest.files != files:
        write_many(source, out)


def write_many(source: Path, out: Path) -> None:
    """Write an artifact with `VARIANTS` variants that shares every file with `source`.

    Raises:
        ArtifactError: the disk refuses.
    """
    manifest = open_artifact(source, verify=False).manifest
    with ArtifactWriter(out, replace=True) as writer:
        for name in manifest.files:
            (writer.folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(source / name, writer.folder / name)
        variants = tuple(_many_variants(manifest))
        writer.commit(manifest.model_copy(update={"name": MANY, "variants": variants}))


def _many_variants(manifest: Manifest) -> Iterator[VariantRecord]:
    """Yield the variants there are, then others on patterns drawn at random, seeded."""
    yield from manifest.variants
    orders = manifest.config.orders
    full = max(manifest.variants, key=lambda variant: len(variant.pattern))
    known = {variant.pattern for variant in manifest.variants}
    rng = random.Random(0)
    while len(known) < VARIANTS:
        others = sorted(rng.sample(range(1, orders), rng.randrange(1, orders - 1)))
        pattern = SkipPattern((0, *others), orders)
        if pattern.executed not in known:
            known.add(pattern.executed)
            share = pattern.depth / orders
            yield VariantRecord(
                id=pattern.variant_id(on_ladder=False),
                pattern=pattern.executed,
                unique_parameters=full.unique_parameters,
                executed_parameters=int(share * full.executed_parameters),
            )
