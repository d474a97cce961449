"""`otmv import`: a released checkpoint, or an artifact, as a checkpoint to export or to tune on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from artifact.manifest import MANIFEST_NAME
from artifact.task import TASKS
from cli.console import Report, fail, first_line, note, share_progress

if TYPE_CHECKING:
    from models.checkpoint import Checkpoint

app = typer.Typer()

Release = Literal["beit3_base", "beit3_large"]

_File = Annotated[
    Path, typer.Argument(help="A released .pth or .safetensors file, or an artifact folder.")
]
_As = Annotated[Release | None, typer.Option("--as", help="The model that the file holds.")]
_Task = Annotated[
    str | None, typer.Option(help=f"What it is fine-tuned for: {', '.join(TASKS)} or retrieval.")
]
_Tokenizer = Annotated[
    Path | None,
    typer.Option(help="SentencePiece model or tokenizer.json; else beit3.spm beside the file."),
]
_Labels = Annotated[
    Path | None,
    typer.Option(help="Answers of a VQA model; else answer2label.txt beside the file."),
]
_Out = Annotated[
    Path | None, typer.Option(help="Checkpoint folder to make; else runs/ and the file's name.")
]
_ImageSize = Annotated[
    int | None, typer.Option(help="Side of pictures in pixels, if not the file's own.", min=1)
]
_Keys = Annotated[int | None, typer.Option(help="Start of a tuning: this many key blocks.", min=1)]
_Merge = Annotated[
    str | None,
    typer.Option(help="With --keys, the feed-forwards: mean, weighted:A,B or mse."),
]


@app.command()
def import_(
    file: _File,
    release: _As = None,
    task: _Task = None,
    tokenizer: _Tokenizer = None,
    labels: _Labels = None,
    out: _Out = None,
    image_size: _ImageSize = None,
    keys: _Keys = None,
    merge: _Merge = None,
) -> None:
    """Read a released, fine-tuned BEiT-3 checkpoint, or the one inside an artifact.

    [bold]otmv import beit3_base_patch16_480_vqa.pth --as beit3_base --task vqa[/bold]

    [bold]otmv import beit3_large_patch16_224_nlvr2.pth --as beit3_large --task reason --keys 12
    --out runs/start[/bold]

    [bold]otmv import examples/demo-artifact --out runs/demo-again[/bold]

    As released, the checkpoint computes what the file computes. With --keys it is where an OTMV
    tuning starts: orders share key blocks, and vision's and language's feed-forward are merged into
    one. Nothing in a file is ever run. The folder is written whole or not at all.
    """
    inside = (file / MANIFEST_NAME).is_file()
    given = (release, task, tokenizer, labels, image_size, keys, merge)
    if inside and any(option is not None for option in given):
        fail("an artifact knows what it holds: give it alone, with --out")
    if not inside and (release is None or task is None):
        fail("say what the file holds: --as beit3_base or beit3_large, and --task")
    folder = out or Path("runs") / file.stem
    files = (file, tokenizer, labels)
    read = (
        partial(_from_artifact, file)
        if inside
        else partial(_from_release, files, release or "", task or "", image_size, keys, merge)
    )
    made = _imported(read, folder, extra="export" if inside else "tune")
    _say(folder, made)


def _imported(read: Callable[[Report], Checkpoint], folder: Path, extra: str) -> Checkpoint:
    """Read and write under a progress bar; what goes wrong is one line.

    Args:
        read: returns the checkpoint.
        folder: to make.
        extra: of the package, that reading needs.
    """
    from artifact.atomic import new_folder
    from artifact.errors import ArtifactError, how_to_install

    try:
        with share_progress() as report, new_folder(folder) as out:
            made = read(report)
            report("writing the checkpoint", 0.7)
            _save(out, made)
    except ModuleNotFoundError as error:
        fail(f"importing needs {error.name}: {how_to_install(extra)}")
    except (ArtifactError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights; nothing was written)")
    return made


def _from_artifact(folder: Path, report: Report) -> Checkpoint:
    from artifact.store import open_artifact
    from exporters.graphs.recover import recover

    report("reading the graphs", 0.0)
    return recover(open_artifact(folder))


def _from_release(
    files: tuple[Path, Path | None, Path | None],
    release: str,
    task: str,
    image_size: int | None,
    keys: int | None,
    merge: str | None,
    report: Report,
) -> Checkpoint:
    from models.once_tuning.merge import merge_named
    from models.public import RELEASED_TASKS, ReleasedFiles, StartOfTuning, import_release

    if task not in RELEASED_TASKS:
        raise ValueError(f"no task {task!r}; there are: {', '.join(RELEASED_TASKS)}")
    if keys is None and merge is not None:
        raise ValueError("--merge goes with --keys: a released model is not merged")
    start = None if keys is None else StartOfTuning(keys, merge_named(merge or "mean"))
    size = release.removeprefix("beit3_")
    return import_release(ReleasedFiles(*files), size, task, start, image_size, report)


def _save(folder: Path, checkpoint: Checkpoint) -> None:
    from models.checkpoint import save

    save(folder, checkpoint)


def _say(folder: Path, checkpoint: Checkpoint) -> None:
    config = checkpoint.model.config
    does = f"{', '.join(config.tasks)} on pictures of {config.picture_sizes}"
    millions = sum(parameter.numel() for parameter in checkpoint.model.parameters()) / 1e6
    words = checkpoint.tokenizer.get_vocab_size()
    note(f"  {config.orders} orders on {config.keys} key blocks, width {config.width}")
    note(f"  {does}")
    note(f"  {millions:.1f} M parameters, {words} tokens, {len(checkpoint.labels)} answers")
    note(f"imported: {folder}")
