"""`otmv export`: a checkpoint, or random weights, as an artifact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import typer

from artifact.errors import how_to_install
from artifact.task import model_tasks
from cli.commands.export import options
from cli.console import fail, first_line, first_problem, note, share_progress

if TYPE_CHECKING:
    from artifact.manifest import VariantRecord
    from artifact.manifest.adapted import AdapterCapacity
    from exporters.export import ExportOptions, Splits
    from models.checkpoint import Checkpoint

app = typer.Typer()

Whole = Literal["all", "full", "none"]


class _TunedOptions(NamedTuple):
    """What only the export of a checkpoint takes."""

    whole: Whole
    chain: bool
    data: tuple[str | None, str | None, str | None]
    pictures: int
    adapters: tuple[AdapterCapacity, ...]


_FIRST_TASK = model_tasks()[0]


@app.command()
def export(
    checkpoint: options.Folder = None,
    out: options.Out = Path("artifact-out"),
    random: options.Random = None,
    image_size: options.ImageSize = 224,
    keys: options.Keys = 1,
    tasks: options.Tasks = _FIRST_TASK,
    quality_curve: options.Curve = None,
    depths: options.Depths = None,
    data: options.Data = None,
    choose: options.Choose = None,
    report: options.Report = None,
    pictures: options.Pictures = 1000,
    whole: options.Whole = "all",
    chain: options.Chain = False,
    methods: options.Methods = None,
    adapters: options.Adapters = None,
) -> None:
    """Turn a checkpoint into an artifact: ONNX stages, one weights file, measured variants.

    The demo takes about ten minutes on two cores, most of them for the search of the ladder.
    Nothing is written until all is done.

    [bold]otmv export runs/demo --chain --out my-artifact[/bold]

    [bold]otmv export runs/mine --data vqa/ --choose rest_val --report trainable_val[/bold]

    [bold]otmv export runs/mine --adapters lora:16 --adapters lora:16+serial:64+adalink:64[/bold]

    [bold]otmv export --random beit3_base --image-size 224 --keys 2 --out base-2-keys[/bold]

    [bold]otmv export --random beit3_base --image-size 224 --methods full,lora,otmv --out
    rivals[/bold]
    """
    if (checkpoint is None) == (random is None):
        fail("give a checkpoint folder, or --random beit3_base (one of the two)")
    if methods is not None and (random is None or depths or quality_curve or keys != 1 or adapters):
        fail("--methods goes with --random, and has its own keys, depths and quality")
    if chain and checkpoint is None:
        fail(
            "--chain goes with a checkpoint: random weights are a chain, of every depth or --depths"
        )
    with _one_line_errors():
        from exporters.adapted.forms import form_named

        forms = tuple(form_named(each) for each in adapters or ())
        if checkpoint is not None:
            options = _TunedOptions(whole, chain, (data, choose, report), pictures, forms)
            _export_tuned(checkpoint, out, options)
        elif methods is not None:
            _export_methods((random or "", image_size, tasks), methods, out)
        else:
            shape = (random or "", image_size, tasks, keys)
            _export_random(shape, out, whole, quality_curve, depths, forms)


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """End with one line if something cannot be exported."""
    from pydantic import ValidationError

    from artifact.errors import ArtifactError
    from tuning.data.problems import DataError
    from tuning.world.errors import WorldError

    try:
        from exporters.parity import ParityError
    except ModuleNotFoundError as error:
        fail(f"exporting needs {error.name}: {how_to_install('export')}")
    try:
        yield
    except ValidationError as error:
        where, problem = first_problem(error)
        fail(f"{where}: {problem}" if where else problem)
    except (ArtifactError, DataError, ParityError, WorldError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights, also of the temporary folder)")


def _export_tuned(folder: Path, out: Path, given: _TunedOptions) -> None:
    from cli.commands.export.skipping import found_by_das
    from exporters.export import ExportOptions
    from exporters.sides.card import das_card, model_card, released_card
    from exporters.tasks import exported_tasks
    from models.checkpoint import load
    from models.public import RELEASED_FILE, UNTUNED_START

    loaded = load(folder)
    exported_tasks(loaded.model.config.tasks)  # one that cannot be exported is said at once
    if UNTUNED_START in loaded.note:
        raise ValueError(f"{folder} is the start of a tuning: tune it, or import without --keys")
    if RELEASED_FILE in loaded.note:
        if given.data[0] is not None:
            raise ValueError(
                f"{folder} is a released model, exported as `full` without --data; "
                "measure it then: otmv eval ARTIFACT --data DATA"
            )
        full = (loaded.model.config.orders,)
        card, forms = released_card(loaded), given.adapters
        options = ExportOptions(whole=given.whole, depths=full, card=card, adapters=forms)
        _run(loaded, out, options, None)
        return
    patterns = found_by_das(loaded, folder, given.chain)
    options = ExportOptions(
        whole=given.whole,
        chained=given.chain,
        card=(model_card if patterns is None else das_card)(loaded),
        adapters=given.adapters,
        patterns=patterns,
    )
    _run(loaded, out, options, lambda: _splits(loaded, *given.data, given.pictures))


def _splits(
    checkpoint: Checkpoint, data: str | None, choose: str | None, report: str | None, most: int
) -> Splits:
    """Return the examples: of a world, or of two splits of a data set."""
    from cli.commands.export.splits import draw_splits
    from tuning.data.formats.world import WORLD
    from tuning.data.problems import DataError
    from tuning.data.sets import open_folder

    given = data is not None and not (Path(data).is_dir() and WORLD.parts(Path(data)))
    if not given or data is None:
        return draw_splits(Path(data) if data else None, most)
    from cli.commands.export.datasets import splits_of

    folder = open_folder(data)
    if choose is None or report is None:
        there = ", ".join(dict.fromkeys(part.split for part in folder.parts))
        raise DataError(f"{data} has the splits {there}", "give --choose and --report, two of them")
    splits, problems = splits_of(checkpoint, folder, choose, report, most)
    for kind, count in problems.counts.items():
        note(f"{kind}, left out: {count:,}, the first: {problems.first(kind)[0]}")
    return splits


def _export_methods(shape: tuple[str, int, str], methods: str, out: Path) -> None:
    from cli.commands.export.methods import export_methods
    from cli.commands.export.random_model import random_config

    export_methods(random_config(*shape), methods, out)


def _export_random(
    shape: tuple[str, int, str, int],
    out: Path,
    whole: Whole,
    quality_curve: Path | None,
    depths: str | None,
    adapters: tuple[AdapterCapacity, ...],
) -> None:
    from cli.commands.export.random_model import random_checkpoint, random_config
    from exporters.export import ExportOptions
    from exporters.quality import QualityCurve

    chosen = _depths(depths)
    checkpoint = random_checkpoint(random_config(*shape))
    curve = QualityCurve.read(quality_curve) if quality_curve else None
    options = ExportOptions(whole=whole, curve=curve, depths=chosen, adapters=adapters)
    _run(checkpoint, out, options, None)


def _depths(text: str | None) -> tuple[int, ...] | None:
    try:
        return None if text is None else tuple(int(word) for word in text.split(","))
    except ValueError:
        raise ValueError(f"--depths {text}: whole numbers and commas, as in 3,6,9,12") from None


def _run(
    checkpoint: Checkpoint, out: Path, options: ExportOptions, draw: Callable[[], Splits] | None
) -> None:
    """Export under a progress bar, then print what came of it."""
    from cli.commands.export.summary import note_chain, note_exported
    from exporters.export import export as export_artifact

    with share_progress(phases=True) as report:
        report("drawing pictures", 0.0)
        splits = draw() if draw else None
        manifest = export_artifact(checkpoint, out, splits, options, report).manifest
    if manifest.ladder:
        cost = f"{manifest.ladder.evaluations} patterns scored in {manifest.ladder.seconds:.0f} s"
        note(f"ladder search: {manifest.ladder.search} on {manifest.ladder.split}, {cost}")
        if manifest.ladder.chain:
            note_chain(manifest.ladder.chain)
    note_exported(manifest, map(_quality, manifest.variants), out)


def _quality(variant: VariantRecord) -> str:
    known = {task: value for task, value in variant.quality.items() if value}
    shown = "  ".join(f"{task} {value['fp32']:.3f}" for task, value in known.items())
    return shown or "quality null"
