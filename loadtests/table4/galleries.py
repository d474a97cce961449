"""The galleries the table is measured on: one per task, made once and kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from artifact.manifest import MANIFEST_NAME, Manifest, VariantRecord
from artifact.store import Artifact, open_artifact
from artifact.task import TASKS, TaskName
from loadtests.kit.artifacts import export
from loadtests.kit.asking.tasks.asked import PassWork
from loadtests.kit.errors import BenchError
from loadtests.kit.progress import Report
from loadtests.table4.presets import Preset

_AGAIN = "remove the folder, and it is exported again"
_MEMINFO = Path("/proc/meminfo")


def ensure_galleries(
    folder: Path, preset: Preset, tasks: Sequence[TaskName], report: Report
) -> dict[str, str]:
    """Export the galleries that `folder` lacks; return the hash of each.

    Raises:
        BenchError: exporting needs an extra that is not installed, or failed.
        ArtifactError, OSError: what is there cannot be used, or the disk refuses.
    """
    for number, task in enumerate(tasks):
        out = folder / preset.gallery(task)
        report(f"preparing {out.name}", number / len(tasks))
        if not (out / MANIFEST_NAME).is_file():
            export(out, _options(preset, task))
    names = [preset.gallery(task) for task in tasks]
    return {name: open_artifact(folder / name, verify=False).hash for name in names}


def _options(preset: Preset, task: TaskName) -> list[str]:
    size = str(preset.work[task].image_px)
    model = ["--random", preset.model, "--image-size", size]
    return [*model, "--tasks", task, "--methods", "all"]


def check_gallery(gallery: Artifact, task: TaskName, methods: Sequence[str]) -> None:
    """Check that a gallery has the methods' stages, and that this machine can hold them.

    Raises:
        BenchError: it has not, or the machine cannot; the message says what to do.
    """
    manifest = gallery.manifest
    known = {variant.id for variant in manifest.variants}
    for method in methods:
        stages = TASKS[task].whole_stages(method)
        if method not in known or any(stage not in manifest.stages for stage in stages):
            raise BenchError(f"{gallery.root} has no {method} for {task}: {_AGAIN}")
    needed_bytes, free_bytes = _weight_bytes(gallery, task, methods), _free_bytes()
    if free_bytes is not None and needed_bytes > free_bytes:
        raise BenchError(
            f"{task}: the weights of {len(methods)} methods take {needed_bytes / 1e9:.1f} GB, "
            f"{free_bytes / 1e9:.1f} GB are free: measure fewer with --method"
        )


def _weight_bytes(gallery: Artifact, task: TaskName, methods: Sequence[str]) -> int:
    """Return the bytes that the methods' graphs hold when each has a copy of its own."""
    sizes, stages = gallery.tensor_bytes(), gallery.manifest.stages
    names = [stage for method in methods for stage in TASKS[task].whole_stages(method)]
    return sum(sizes.get(tensor, 0) for name in names for tensor in stages[name].initializers)


def _free_bytes() -> int | None:
    """Return the memory that can still be had; None where Linux's /proc is not there."""
    if not _MEMINFO.is_file():
        return None
    fields = dict(line.split(":", 1) for line in _MEMINFO.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def flops(manifest: Manifest, task: TaskName, method: str, work: PassWork) -> int:
    """Return the FLOPs of one request: of a caption, the picture and `work.words` words.

    Raises:
        BenchError: the gallery does not say.
    """
    record = manifest.variant(method)
    parts = _parts(record, task, work.words)
    if any(part is None for part, _ in parts):
        raise BenchError(f"{manifest.name} does not say the FLOPs of {method}: {_AGAIN}")
    return sum((part or 0) * times for part, times in parts)


def _parts(record: VariantRecord, task: TaskName, words: int) -> list[tuple[int | None, int]]:
    """Return the FLOPs of each part of a request, and how often it runs."""
    last, *before = (record.flops.get(part) for part in TASKS[task].flops_parts)
    return [*((part, 1) for part in before), (last, words if TASKS[task].writes else 1)]
