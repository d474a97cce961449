"""`otmv adapter`: read, show and dissolve adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artifact.task import TASKS
from cli.commands.adapter.base import Base, check_adapts, one_line_errors, read_base
from cli.console import fail, note, share_progress, show, table

if TYPE_CHECKING:
    from rich.table import Table

    from artifact.adapters.folder import Adapter
    from artifact.adapters.hooks import HookKind

app = typer.Typer()

_Adapter = Annotated[
    Path, typer.Argument(metavar="ADAPTER", help="Folder of `otmv tune` or `otmv adapter import`.")
]
_Base = Annotated[
    Path, typer.Argument(metavar="BASE", help="The checkpoint or artifact that it was tuned on.")
]
_Out = Annotated[Path, typer.Option(help="Folder to make.")]
_Task = Annotated[list[str], typer.Option(help=f"A task it was tuned for: {', '.join(TASKS)}.")]
_Name = Annotated[str | None, typer.Option(help="Its name in requests; else the folder's.")]
_Labels = Annotated[
    Path | None, typer.Option(help="Answers of a head of its own: one JSON list of strings.")
]


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="PEFT", help="Folder that peft saved.")],
    base: _Base,
    task: _Task,
    out: _Out,
    name: _Name = None,
    labels: _Labels = None,
) -> None:
    """Read an adapter that Hugging Face's peft saved: LoRA, prefix or prompt tuning.

    [bold]otmv adapter import runs/lora runs/demo --task vqa --out adapters/pets[/bold]

    Heads of modules_to_save come along. DoRA, and other kinds that have no tables here, are refused
    by name. Nothing pickled is read.
    """
    with one_line_errors("importing", "tune"):
        from artifact.adapters.folder import write_adapter
        from artifact.adapters.record import AdapterRecord
        from models.adapters.peft import read_peft

        found = read_base(base)
        model = found.checkpoint.model
        read = read_peft(folder, model, _answers(labels))
        record = AdapterRecord(
            name=name or out.name,
            kind=read.kind,
            base=found.named,
            config=model.config,
            tasks=tuple(task),
            tables=read.tables,
            heads=read.heads,
            tuned_parameters=read.tuned_parameters,
            note=read.note,
        )
        made = write_adapter(out, record, read.tensors)
    note(f"imported: {out}  ({made.record.kind}, {_bytes(made)} of tables, no quality measured)")


def _answers(path: Path | None) -> tuple[str, ...] | None:
    import json

    if path is None:
        return None
    found = json.loads(path.read_text("utf-8"))
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{path}: not one JSON list of strings")
    return tuple(found)


@app.command()
def inspect(adapter: _Adapter) -> None:
    """Show what an adapter is, where it acts, and what each variant reaches with it.

    [bold]otmv adapter inspect adapters/pets[/bold]
    """
    with one_line_errors("inspecting", "tune"):
        from artifact.adapters.folder import read_adapter

        found = read_adapter(adapter)
    show(_about(found))
    show(_places(found))
    if found.record.variants:
        show(_qualities(found))


@app.command()
def merge(adapter: _Adapter, base: _Base, out: _Out) -> None:
    """Add a LoRA, or trained biases and norms, to the weights of its base: a plain model is left.

    [bold]otmv adapter merge adapters/pets runs/demo --out runs/demo-pets[/bold]

    From a checkpoint comes a checkpoint, from an artifact an artifact with the same variants.
    Orders that share a key must share their tables, too: tune with share = "key".
    """
    from artifact.adapters.hooks import HookKind

    _dissolve(adapter, base, out, (HookKind.LINEAR, HookKind.NORM), "merging")


@app.command()
def fold(adapter: _Adapter, base: _Base, out: _Out) -> None:
    """Fold an AdaLink into the table of words and the patch projection: a plain model is left.

    [bold]otmv adapter fold adapters/pets examples/demo-artifact --out demo-pets[/bold]

    From a checkpoint comes a checkpoint, from an artifact an artifact with the same variants.
    """
    from artifact.adapters.hooks import HookKind

    _dissolve(adapter, base, out, (HookKind.STEM,), "folding")


@app.command()
def drop(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A loaded adapter.")],
    url: Annotated[str, typer.Option(help="Address of the server.")] = "http://127.0.0.1:8000",
    key: Annotated[
        str | None, typer.Option(envvar="OTMV_KEY", help="An operator's API key of it.")
    ] = None,
) -> None:
    """Drop an adapter from a running server; requests that have it are answered first.

    [bold]otmv adapter drop pets[/bold]
    """
    from artifact.adapters.record import name_problem
    from cli.commands.adapter.dropping import drop_at
    from cli.commands.ask.sending import AskedServer

    if problem := name_problem(name):
        fail(problem)
    drop_at(AskedServer(url.rstrip("/"), {"Authorization": f"Bearer {key}"} if key else {}), name)
    note(f"dropped: {name}")


def _dissolve(folder: Path, base: Path, out: Path, kinds: tuple[HookKind, ...], doing: str) -> None:
    if out.exists():
        fail(f"{out}: exists already (choose another folder or remove it)")
    with one_line_errors(doing, "export" if (base / "manifest.json").is_file() else "tune"):
        from artifact.adapters.folder import read_adapter
        from artifact.atomic import new_folder
        from models.adapters.merging import into_weights
        from models.checkpoint import save

        adapter, found = read_adapter(folder), read_base(base)
        check_adapts(adapter, folder, found)
        made = into_weights(found.checkpoint, adapter, kinds)
        made.note["adapter"] = adapter.record.name
        if found.artifact is None:
            with new_folder(out) as folder_made:
                save(folder_made, made)
        else:
            _export(found, adapter, made, out)
    what = "checkpoint" if found.artifact is None else "artifact"
    note(f"made: {out}  (a plain {what}, {adapter.record.name} in its weights)")


def _export(base: Base, adapter: Adapter, made: object, out: Path) -> None:
    from cli.commands.adapter.exporting import export_again
    from models.checkpoint import Checkpoint

    assert base.artifact is not None, "the caller has looked"
    assert isinstance(made, Checkpoint)
    with share_progress() as report:
        export_again(made, base.artifact, adapter.record, out, report)


def _bytes(adapter: Adapter) -> str:
    return f"{adapter.size_bytes / 1e6:.3f} MB"


def _about(adapter: Adapter) -> Table:
    record = adapter.record
    rows = {
        "kind": record.kind,
        "tasks": ", ".join(record.tasks),
        "base": f"{record.base.name}, {_named(record.base.checkpoint_sha256, 'checkpoint')}"
        f"{_named(record.base.artifact_hash, 'artifact')}".rstrip(", "),
        "tuned": f"{record.tuned_parameters:,} parameters",
        "tables": _bytes(adapter),
        "heads": ", ".join(record.heads) or "the base's",
        "hash": adapter.hash[:12],
        **{name: str(value) for name, value in record.note.items()},
    }
    shown = table(record.name, ("", ""), rows=rows.items())
    shown.show_header = False
    return shown


def _named(digest: str | None, what: str) -> str:
    return "" if digest is None else f"{what} {digest[:12]}, "


def _places(adapter: Adapter) -> Table:
    rows = [
        (
            each.hook,
            each.modality or "all",
            ", ".join(each.parts),
            each.activation,
            str(each.rank or "-"),
            str(each.gate_rank or "-"),
        )
        for each in adapter.record.tables
    ]
    return table("tables", ("hook", "tokens", "parts", "activation"), ("rank", "gate"), rows)


def _qualities(adapter: Adapter) -> Table:
    record = adapter.record
    rows = []
    for each in record.variants:
        shown = [
            "\n".join(
                f"{value:.4f}" + ("" if precision == "fp32" else f" {precision}")
                for precision, value in each.quality.get(task, {}).items()
                if value is not None
            )
            or "-"
            for task in record.tasks
        ]
        rows.append((each.variant, ",".join(map(str, each.pattern)), *shown))
    return table("quality", ("variant", "orders"), record.tasks, rows, record.quality_source)
