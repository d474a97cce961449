"""`otmv eval`: measure the variants of a checkpoint, an artifact or a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.errors import how_to_install
from cli.console import fail, first_line

if TYPE_CHECKING:
    from artifact.pattern import SkipPattern
    from cli.commands.eval.subjects import Subject

app = typer.Typer()

_Subject = Annotated[
    str,
    typer.Argument(metavar="CHECKPOINT|ARTIFACT|URL", help="Of `otmv tune`, `export` or `serve`."),
]
_Data = Annotated[
    str | None, typer.Option(help="Folder of a data set; by default a generated world.")
]
_Split = Annotated[str | None, typer.Option(help="Of the data set, if it has several.")]
_Task = Annotated[str | None, typer.Option(help="Only this one of the data set's.")]
_Format = Annotated[str | None, typer.Option("--format", help="One of `otmv data formats`.")]
_Pictures = Annotated[Path | None, typer.Option(help="Where pictures lie, if not in --data.")]
_Results = Annotated[Path | None, typer.Option(help="Folder for the official result files.")]
_Limit = Annotated[int | None, typer.Option(help="Only the first examples.", min=1)]
_Variants = Annotated[str | None, typer.Option(help="Of an artifact or server: some, as d2,full.")]
_Seed = Annotated[int, typer.Option(help="Seed of the generated world.")]
_Count = Annotated[int, typer.Option(help="Pictures to generate.", min=1)]
_Questions = Annotated[int, typer.Option(help="Per generated picture.", min=1)]
_Blank = Annotated[bool, typer.Option("--blank", help="Show grey pictures only.")]
_Patterns = Annotated[
    str | None, typer.Option(help="Of a checkpoint, instead of all prefixes; 1 executes an order.")
]
_Device = Annotated[str, typer.Option(help="Of a checkpoint: cpu, cuda, or auto.")]
_Key = Annotated[str | None, typer.Option(help="API key of a server.", envvar="OTMV_KEY")]


@app.command(name="eval")
def evaluate(
    subject: _Subject,
    data: _Data = None,
    split: _Split = None,
    task: _Task = None,
    format_name: _Format = None,
    pictures: _Pictures = None,
    results: _Results = None,
    limit: _Limit = None,
    variants: _Variants = None,
    seed: _Seed = 3,
    count: _Count = 1000,
    questions: _Questions = 6,
    blank: _Blank = False,
    patterns: _Patterns = None,
    device: _Device = "auto",
    key: _Key = None,
) -> None:
    """Measure each variant of a checkpoint, an artifact or a running server on a data set.

    Scores are the public ones: VQA accuracy, BLEU@4 and CIDEr-D, NLVR2 accuracy and consistency,
    R@1, R@5 and R@10 of retrieval both ways. --results writes the files that public evaluation
    servers take, and all ranks of retrieval:

    [bold]otmv eval runs/mine --data vqa/ --split rest_val --results runs/results[/bold]

    [bold]otmv eval http://127.0.0.1:8000 --data easy-vqa --split test[/bold]

    A checkpoint without --data, or with a world's folder, is measured on a generated world, and its
    captions by the objects they name; by default on 1000 pictures of a seed that no tuning uses:

    [bold]otmv eval runs/demo --patterns 11001100,10101010[/bold]

    [bold]otmv eval runs/demo --blank[/bold]
    """
    from artifact.errors import ArtifactError, TextError
    from engine.errors import EngineError
    from tuning.data.problems import DataError
    from tuning.world.errors import WorldError

    try:
        if _is_of_a_world(subject, data, format_name):
            _on_world(subject, patterns, device, (data, seed, count, questions, blank))
            return
        from cli.commands.eval.datasets import DataOptions, measure_on_data

        options = DataOptions(
            data or "", split, task, format_name, pictures, results, limit, variants, blank
        )
        measure_on_data(_opened(subject, patterns, device, key), options)
    except ModuleNotFoundError as error:
        fail(f"measuring a checkpoint needs {error.name}: {how_to_install('tune')}")
    except (ArtifactError, DataError, EngineError, WorldError, TextError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights)")


def _is_of_a_world(subject: str, data: str | None, format_name: str | None) -> bool:
    """Tell whether a checkpoint is measured as generated worlds are.

    Raises:
        ValueError: an artifact or a server is given no data.
    """
    if _is_url(subject) or _is_artifact(subject):
        if data is None:
            raise ValueError(f"give {subject} a data set: --data FOLDER")
        return False
    if data is None:
        return True
    from tuning.data.formats.world import WORLD

    return format_name is None and Path(data).is_dir() and bool(WORLD.parts(Path(data)))


def _is_url(subject: str) -> bool:
    return subject.startswith(("http://", "https://"))


def _is_artifact(subject: str) -> bool:
    return (Path(subject) / "manifest.json").is_file()


def _on_world(
    subject: str,
    patterns: str | None,
    device: str,
    world: tuple[str | None, int, int, int, bool],
) -> None:
    from cli.commands.eval.worlds import WorldOptions, measure_on_world, read_patterns
    from models.checkpoint import load

    loaded = load(Path(subject))
    chosen = read_patterns(patterns, loaded.model.config)
    folder, seed, count, questions, blank = world
    options = WorldOptions(Path(folder) if folder else None, seed, count, questions, blank)
    measure_on_world(Path(subject), loaded, chosen, options, device)


def _opened(subject: str, patterns: str | None, device: str, key: str | None) -> Subject:
    """Return what is measured, ready to answer."""
    if _is_url(subject):
        from cli.commands.eval.subjects.served import ServedSubject

        return ServedSubject(subject, key)
    if _is_artifact(subject):
        from cli.commands.eval.subjects.exported import ArtifactSubject

        return ArtifactSubject(Path(subject))
    from cli.commands.eval.subjects.checkpoint import CheckpointSubject
    from cli.commands.eval.worlds import read_patterns
    from models.checkpoint import load
    from tuning.device import choose_device

    loaded = load(Path(subject))
    chosen: list[SkipPattern] = read_patterns(patterns, loaded.model.config)
    return CheckpointSubject(subject, loaded, chosen, choose_device(device))
