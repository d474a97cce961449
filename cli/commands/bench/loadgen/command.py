"""The command: which server, which data, what LoadGen is told; then its verdict, or the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from artifact.errors import how_to_install
from artifact.task import VQA
from cli.commands.bench.console import JsonFile, end, print_bars, write
from cli.console import fail, first_line, note, show, spinner, table

if TYPE_CHECKING:
    from artifact.task import TaskName
    from cli.commands.bench.loadgen.run import LoadGenSettings
    from cli.commands.bench.loadgen.system import SentSamples
    from loadtests.kit.bars import Bar
    from tuning.data.example import DataExample
    from tuning.data.sets import DataSet

_SHOWN = {
    "Completed samples per second": "answered / s",
    "Scheduled samples per second": "sent / s",
    "Samples per second": "answered / s",
    "50.00 percentile latency (ns)": "p50, ms",
    "90.00 percentile latency (ns)": "p90, ms",
    "99.00 percentile latency (ns)": "p99, ms",
}
_CHOSEN = "chosen"
"""What tables call the variants where the budget chooses them."""

_Url = Annotated[str, typer.Argument(help="Of a running server.")]
_Data = Annotated[str, typer.Option(help="Folder of a data set.")]
_Split = Annotated[str | None, typer.Option(help="Of the data set, if it has several.")]
_Task = Annotated[str, typer.Option(help="Of the data set.")]
_Limit = Annotated[int | None, typer.Option(help="Only the first examples.", min=1)]
_Scenario = Annotated[
    Literal["server", "offline", "single-stream"], typer.Option(help="As MLPerf calls them.")
]
_Mode = Annotated[Literal["performance", "accuracy"], typer.Option(help="What is measured.")]
_Variant = Annotated[str | None, typer.Option(help="Ask for this one; else the budget chooses.")]
_Budget = Annotated[float | None, typer.Option(help="max_latency_ms of requests.", min=0.001)]
_Qps = Annotated[float, typer.Option(help="Queries per second: sent, or expected.", min=0.01)]
_Target = Annotated[float, typer.Option(help="Of the 99th percentile (server).", min=0.001)]
_Seconds = Annotated[float, typer.Option(help="How long it sends at least.", min=1.0)]
_Open = Annotated[int, typer.Option(help="Requests open at once at most.", min=1, max=1024)]
_Logs = Annotated[Path, typer.Option(help="Folder of LoadGen's own logs.")]
_Key = Annotated[str | None, typer.Option(help="API key of the server.", envvar="OTMV_KEY")]


def loadgen(
    url: _Url,
    data: _Data,
    split: _Split = None,
    task: _Task = VQA.name,
    limit: _Limit = None,
    scenario: _Scenario = "server",
    mode: _Mode = "performance",
    variant: _Variant = None,
    max_latency_ms: _Budget = None,
    target_qps: _Qps = 10.0,
    target_latency_ms: _Target = 200.0,
    seconds: _Seconds = 600.0,
    connections: _Open = 64,
    logs: _Logs = Path("runs/loadgen"),
    key: _Key = None,
    json_file: JsonFile = None,
) -> None:
    """Let MLPerf's LoadGen measure a running server, and keep its own logs.

    server sends at random moments; offline everything at once; single-stream one after another.
    The accuracy mode asks each example once, and prints what `otmv eval` would:

    [bold]otmv bench loadgen http://127.0.0.1:8000 --data easy-vqa --split test --variant full
    --target-qps 40 --target-latency-ms 60[/bold]

    [bold]otmv bench loadgen http://127.0.0.1:8000 --data easy-vqa --split test --variant full
    --mode accuracy[/bold]
    """
    _need_loadgen()
    from cli.commands.bench.loadgen.run import LoadGenSettings

    settings = LoadGenSettings(scenario, mode, target_qps, target_latency_ms, seconds, logs)
    fields = {"variant": variant, "max_latency_ms": max_latency_ms}
    with _one_line_errors():
        read = _examples(data, task, split, limit)
        bars = _measure(settings, _sent(url, read, fields, key, connections), read, variant)
    if json_file is not None:
        write(json_file, {"url": url, "data": read.name}, bars)
    end(bars)


def _need_loadgen() -> None:
    if find_spec("mlperf_loadgen") is None:
        fail(f"mlcommons-loadgen is not installed: {how_to_install('loadtest')}")


@contextmanager
def _one_line_errors() -> Iterator[None]:
    from tuning.data.problems import DataError

    try:
        yield
    except (DataError, ValueError) as error:
        fail(first_line(error))
    except OSError as error:
        fail(f"{error} (check free space and rights)")


def _measure(
    settings: LoadGenSettings, sent: SentSamples, examples: DataSet, variant: str | None
) -> list[Bar]:
    """Let LoadGen run, and print what came of it."""
    from cli.commands.bench.loadgen.run import run_loadgen

    length = f"at least {settings.seconds:g} s"
    if settings.mode == "accuracy":
        length = f"{len(sent.bodies):,} samples"
    with spinner(f"LoadGen, {settings.scenario}, {settings.mode}: {length}"):
        failures = run_loadgen(settings, sent)
    note(f"LoadGen's logs: {settings.logs}")
    if settings.mode == "accuracy":
        return _scored(examples, settings, variant, failures)
    return _judged(settings, failures)


def _examples(data: str, task: str, split: str | None, limit: int | None) -> DataSet:
    """Read the examples.

    Raises:
        DataError: they cannot be read, or there are none.
    """
    from dataclasses import replace

    from tuning.data.problems import DataError
    from tuning.data.sets import load, open_folder
    from tuning.data.table import ExampleTable

    folder = open_folder(data, None, None)
    found = load(folder, task, split, folder.problems())
    if not found.examples:
        raise DataError(data, f"has no examples of {task}")
    return replace(found, examples=ExampleTable(found.examples[:limit]))


def _sent(
    url: str,
    data: DataSet,
    fields: Mapping[str, object],
    key: str | None,
    connections: int,
) -> SentSamples:
    """Return what the server is sent, once it has answered.

    Raises:
        DataError: it does not answer, or has no such task.
        OSError: a picture cannot be read.
    """
    from cli.commands.bench.loadgen.system import SentSamples
    from cli.commands.eval.subjects.served import ServedSubject
    from cli.commands.eval.tasks import JUDGED_TASKS
    from tuning.data.problems import DataError

    subject = ServedSubject(url, key)
    if data.task not in subject.tasks:
        raise DataError(subject.name, f"is for {', '.join(subject.tasks)}, not {data.task}")
    said = {name: str(value) for name, value in fields.items() if value is not None}
    bodies = [_body(data.task, example, said) for example in data.examples]
    read = JUDGED_TASKS[data.task].read
    return SentSamples(subject.name, f"/v1/{data.task}", bodies, read, key, connections)


def _body(task: TaskName, example: DataExample, fields: Mapping[str, str]) -> bytes:
    from artifact.task import TASKS
    from loadtests.kit.asking.forms import encode_form

    name = TASKS[task].text
    first, *more = (Path(picture).read_bytes() for picture in example.pictures)
    text = {name: example.text or ""} if name else {}
    return encode_form(first, {**text, **fields}, *more)


def _scored(
    data: DataSet, settings: LoadGenSettings, variant: str | None, failures: Mapping[str, int]
) -> list[Bar]:
    """Print the scores of LoadGen's log of answers, as `otmv eval` does."""
    from cli.commands.bench.loadgen.run import read_answers
    from cli.commands.eval.datasets import print_answers
    from cli.commands.eval.judging import Answers

    answers = read_answers(settings.logs, len(data.examples))
    print_answers(Answers(data, list(data.examples), {variant or _CHOSEN: answers}))
    bars = [_no_failures(failures)]
    print_bars(bars)
    return bars


def _judged(settings: LoadGenSettings, failures: Mapping[str, int]) -> list[Bar]:
    """Print LoadGen's verdict and its main numbers."""
    from cli.commands.bench.loadgen.run import read_summary
    from loadtests.kit.bars import Bar

    summary = read_summary(settings.logs)
    rows = [
        (title, _number(name, summary[name])) for name, title in _SHOWN.items() if name in summary
    ]
    show(table(None, (settings.scenario,), ("LoadGen says",), rows))
    valid = summary.get("Result is") == "VALID"
    unmet = [name.removesuffix(" satisfied") for name, said in summary.items() if said == "NO"]
    why = f"not met: {', '.join(unmet).lower()}" if unmet else ""
    bars = [
        Bar("loadgen-valid", float(valid), 1.0, True, why),
        _no_failures(failures),
    ]
    print_bars(bars)
    return bars


def _number(name: str, value: str) -> str:
    return f"{float(value) / 1e6:.2f}" if name.endswith("(ns)") else f"{float(value):.2f}"


def _no_failures(failures: Mapping[str, int]) -> Bar:
    from loadtests.kit.bars import Bar

    said = ", ".join(f"{why}: {count}" for why, count in sorted(failures.items()))
    return Bar("loadgen-unanswered", float(sum(failures.values())), 0.0, False, said)
