"""Traffic for the table: every method in turns, the same requests for each, in a closed loop.

A turn is `per_turn` requests for one variant; the next begins as its last ones are answered, and
each round begins one method further on. The run ends with a whole round, so every method was
asked equally often. As many requests should be open as two batches hold: while one batch runs the
next one waits, so steps are full. With one batch open, the first request starts alone, and steps of
one row and of all the others alternate from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from artifact.task import TASKS, TaskName
from loadtests.kit.asking.cases import load_cases
from loadtests.kit.asking.tasks import ASKED
from loadtests.kit.asking.tasks.asked import SendableCase
from loadtests.kit.errors import BenchError
from loadtests.kit.progress import Report
from loadtests.kit.rounds import turned
from loadtests.table4.ledger import Count, Ledger
from models.comparators.methods import FULL

_TIMEOUT_S = 120.0
_PATIENCE_MS = 600_000.0
"""The latency budget of every request: nothing is to expire, or be hurried."""


@dataclass(frozen=True)
class Drive:
    """What is sent where. `variants` empty: all the server offers for the task.

    `concurrency` requests are open at a time, `per_turn` make a turn, and no turn begins after
    `seconds` but those of the round under way. `words` bounds a caption.
    """

    url: str
    task: TaskName
    seconds: float
    concurrency: int
    per_turn: int
    words: int
    variants: Sequence[str] = ()


@dataclass
class _RunningDrive:
    """A run under way."""

    drive: Drive
    client: httpx.AsyncClient
    report: Report
    cases: Sequence[SendableCase]
    now_s: Callable[[], float]
    counts: dict[str, Count] = field(default_factory=dict)


def run(drive: Drive, report: Report, transport: httpx.AsyncBaseTransport | None = None) -> Ledger:
    """Send the traffic and return what came of it.

    Raises:
        BenchError: the server cannot be reached, or does not have the task or a variant.
    """
    return asyncio.run(_drive(drive, report, transport, time.monotonic))


async def _drive(
    drive: Drive,
    report: Report,
    transport: httpx.AsyncBaseTransport | None,
    now_s: Callable[[], float],
) -> Ledger:
    limits = httpx.Limits(max_connections=drive.concurrency)
    settings: dict[str, Any] = {"base_url": drive.url, "timeout": _TIMEOUT_S, "limits": limits}
    try:
        async with httpx.AsyncClient(**settings, transport=transport) as client:
            run = _RunningDrive(drive, client, report, load_cases(None)[drive.task], now_s)
            variants = await _variants(run)
            begun_at_s = time.time()
            await _send_all(run, variants)
            ended_at_s = time.time()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = str(error) or type(error).__name__
        raise BenchError(f"cannot reach {drive.url} ({why}): start `otmv serve` there") from error
    return Ledger(
        drive.url,
        drive.task,
        drive.concurrency,
        drive.per_turn,
        drive.words,
        begun_at_s,
        ended_at_s,
        run.counts,
    )


async def _send_all(run: _RunningDrive, variants: Sequence[str]) -> None:
    """Send one request for each variant, alone, so that a wrong one is named; then the traffic."""
    for name in variants:
        run.counts[name] = Count()
        if problem := await _send(run, name, 0):
            raise BenchError(f"{run.drive.url} answered {problem}")
    requests = _requests(run, variants)
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(run.drive.concurrency):
                group.create_task(_work(run, requests))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _variants(run: _RunningDrive) -> list[str]:
    """Return what the server offers for the task: all of it, or those asked for and `full`."""
    drive = run.drive
    answer = await run.client.get("/v1/variants", params={"task": drive.task})
    if answer.status_code != httpx.codes.OK:
        raise BenchError(f"{drive.url} answered {_problem(answer)}")
    offered = [each["variant"] for each in answer.json()["variants"] if each["resident"]]
    for name in (FULL, *drive.variants):
        if name not in offered:
            there = ", ".join(offered) or "none"
            raise BenchError(f"{drive.url} has no {name} for {drive.task}; there are {there}")
    return [name for name in offered if not drive.variants or name in (FULL, *drive.variants)]


def _requests(run: _RunningDrive, variants: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield (variant, number of its turn's request) until a round ends after the time."""
    begun_s, number = run.now_s(), 0
    while number == 0 or run.now_s() < begun_s + run.drive.seconds:
        for name in turned(variants, number):
            passed_s = run.now_s() - begun_s
            run.report(f"round {number + 1}, {name}", min(1.0, passed_s / run.drive.seconds))
            for request in range(run.drive.per_turn):
                yield name, request
        number += 1


async def _work(run: _RunningDrive, requests: Iterator[tuple[str, int]]) -> None:
    for name, number in requests:
        await _send(run, name, number)


async def _send(run: _RunningDrive, variant: str, number: int) -> str:
    """Send one request and count what came of it; return the problem, "" if there is none."""
    body = _body(run.drive, variant, run.cases, number)
    answer = await run.client.post(ASKED[run.drive.task].path, json=body)
    count = run.counts[variant]
    if answer.status_code == httpx.codes.OK:
        count.answered += 1
        count.pictures += TASKS[run.drive.task].pictures
        return ""
    status = str(answer.status_code)
    count.refused[status] = count.refused.get(status, 0) + 1
    return _problem(answer)


def _body(drive: Drive, variant: str, cases: Sequence[SendableCase], number: int) -> dict[str, Any]:
    """Return a request's JSON; turns send the same ones in the same order."""
    budget = {"variant": variant, "max_latency_ms": _PATIENCE_MS}
    words = {"max_new_tokens": drive.words} if TASKS[drive.task].writes else {}
    return {**cases[number % len(cases)].json(), "budget": budget, **words}


def _problem(answer: httpx.Response) -> str:
    """Return status and detail of a problem in one line."""
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.reason_phrase
    return f"{answer.status_code}: {detail}"
