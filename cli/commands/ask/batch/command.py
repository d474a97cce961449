"""`otmv batch`: ask a running server all that a file of lines asks; resumable."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.progress import Progress, TaskID

from cli.commands.ask.batch.pace import Pace
from cli.commands.ask.batch.record import BatchRecord, input_lines
from cli.commands.ask.batch.sending import BatchRun, BatchStopped
from cli.console import complain, counted_progress, fail, note, say
from otmv_serve import AsyncOtmvClient, OtmvError, Retries

app = typer.Typer()
_HEADER = "X-Otmv-Max-Latency-Ms"
_SLACK_S = 30.0

_Input = Annotated[Path, typer.Argument(help="JSON lines, ours or OpenAI's.")]
_Out = Annotated[Path, typer.Argument(help="Where the answers go, in the same order.")]
_Url = Annotated[str | None, typer.Option(envvar="OTMV_URL", help="The server.")]
_Key = Annotated[str | None, typer.Option(envvar="OTMV_KEY", help="An API key of it.")]
_Most = Annotated[int, typer.Option(min=1, max=1024, help="Most requests open at once.")]
_LatencyMs = Annotated[
    float, typer.Option(min=1, max=3_600_000, help="Latency budget of a line that has none.")
]
_Patience = Annotated[
    float, typer.Option(min=1, help="Seconds without an answer after which it stops.")
]


@app.command()
def batch(
    source: _Input,
    out: _Out,
    url: _Url = None,
    key: _Key = None,
    most_at_once: _Most = 64,
    max_latency_ms: _LatencyMs = 60_000,
    patience_s: _Patience = 300,
) -> None:
    """Ask a running server all that a file asks, as fast as the server takes it.

    A line is {"image": "picture.jpg", "question": "…"}, or two "images" with a "statement", or a
    picture alone for a caption. "id", "budget" and the API's other fields may be there. Pictures
    lie relative to the file. OpenAI's batch lines (custom_id, method, url, body) are taken too.

    What is done is kept in OUT.partial; after a stop the same command resumes.

    [bold]otmv batch questions.jsonl answers.jsonl[/bold]
    """
    if out.exists():
        fail(f"{out} exists already; remove it, or choose another name", code=2)
    client = _client(url, key, max_latency_ms, most_at_once)
    try:
        with BatchRecord(out) as record:
            total, done = _counted(source, record)
            made = BatchRun(source, record, client, Pace(most_at_once), patience_s, total, done)
            _end(made, asyncio.run(_run(made)))
    except OSError as error:
        fail(f"cannot write {out}: {error.strerror}; the same command resumes")


def _counted(source: Path, record: BatchRecord) -> tuple[int, int]:
    """Return how many lines there are, and how many are done."""
    total = done = 0
    try:
        for line in input_lines(source):
            total += 1
            done += record.has(line)
    except OSError as error:
        fail(f"cannot read {source}: {error.strerror}")
    return total, done


def _client(url: str | None, key: str | None, max_latency_ms: float, most: int) -> AsyncOtmvClient:
    try:
        return AsyncOtmvClient(
            url,
            api_key=key,
            timeout_s=max_latency_ms / 1e3 + _SLACK_S,
            retries=Retries(most=0),  # the batch has a line of its own for what comes back
            headers={_HEADER: f"{max_latency_ms:g}"},
            limits=httpx.Limits(max_connections=most),
        )
    except ValueError as error:
        fail(str(error), code=2)


async def _run(made: BatchRun) -> str | None:
    """Send all; return what stopped it, None if nothing did."""
    async with made.client:
        try:
            await made.client.variants()
        except OtmvError as error:
            return f"{error} (start a server with: otmv serve, or give --url)"
        with counted_progress() as shown:
            task = shown.add_task("batch", total=made.total, completed=made.done, facts="")
            made.on_done = _BarMoved(shown, task, made)
            try:
                await made.run()
            except BatchStopped as error:
                return str(error)
    return None


class _BarMoved:
    """Moves the progress bar when a line is done."""

    def __init__(self, shown: Progress, task: TaskID, made: BatchRun) -> None:
        self._shown, self._task, self._made = shown, task, made
        self._began_s, self._count = time.monotonic(), 0

    def __call__(self) -> None:
        self._count += 1
        rate = self._count / max(1e-3, time.monotonic() - self._began_s)
        failed = len(self._made.record.failed) + self._made.undone
        facts = f"{rate:.1f}/s, {int(self._made.pace.limit)} at once"
        facts += f", {failed} failed" if failed else ""
        self._shown.update(self._task, advance=1, facts=facts)


def _end(made: BatchRun, stopped: str | None) -> None:
    """Say what came of it; write the file if all lines are done."""
    record = made.record
    for problem in made.problems:
        note(f"{made.source}: {problem}")
    if (more := made.failed - len(made.problems)) > 0:
        note(f"and {more} more without an answer")
    if made.done < made.total:
        why = stopped or "the server failed on the others"
        complain(f"{made.done} of {made.total} lines are done: {why}; the same command resumes")
        raise SystemExit(1)
    record.finish(made.source)
    failed = len(record.failed)
    named = f", {failed} not (see error there)" if failed else ""
    say(f"{made.total - failed} answered{named}: {record.out}")
    if failed:
        raise SystemExit(1)
