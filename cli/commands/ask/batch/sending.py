"""What a batch sends: as many requests side by side as the server takes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cli.commands.ask.batch.lines import BadLine, BatchLine, bad_record, read_line
from cli.commands.ask.batch.pace import Pace
from cli.commands.ask.batch.record import BatchRecord, InputLine, input_lines
from otmv_serve import (
    AsyncOtmvClient,
    DeadlineMissed,
    InvalidRequest,
    KeyRefused,
    OtmvError,
)
from otmv_serve.retries import may_send_again

_TICK_S = 0.02
_WAIT_S = 1.0
"""After a refusal that does not say how long."""
MOST_SHOWN = 5


class BatchStopped(Exception):
    """The batch cannot go on; what is done is kept."""


@dataclass
class BatchRun:
    """One run of a batch: what is left, what is open, and what came of it.

    Attributes:
        patience_s: it stops after so long without an answer.
        total: lines of the input.
        done: lines that are done, those of earlier runs among them.
        undone: lines that the server failed on, to be sent again by the next run.
        failed: lines of this run without an answer, the undone ones among them.
        problems: what went wrong with the first of them, in words.
    """

    source: Path
    record: BatchRecord
    client: AsyncOtmvClient
    pace: Pace
    patience_s: float
    total: int
    done: int
    on_done: Callable[[], None] = lambda: None
    undone: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = self._lines()
        self._again: deque[tuple[InputLine, BatchLine]] = deque()
        self._names: set[str] = set()
        self._heard_s = time.monotonic()

    async def run(self) -> None:
        """Send all that is left.

        Raises:
            BatchStopped: the server refuses the API key, or has not answered for long.
            OSError: the record cannot be written.
        """
        sent: set[asyncio.Task[None]] = set()
        try:
            while True:
                while self.pace.may_send(len(sent), time.monotonic()):
                    if (following := self._following()) is None:
                        break
                    sent.add(asyncio.create_task(self._send(*following)))
                if not sent and not self._again:
                    return
                if sent:
                    ended, sent = await asyncio.wait(
                        sent, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED
                    )
                    for task in ended:
                        task.result()
                else:
                    await asyncio.sleep(_TICK_S)
                self._check_patience()
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)

    def _following(self) -> tuple[InputLine, BatchLine] | None:
        return self._again.popleft() if self._again else next(self._left, None)

    def _lines(self) -> Iterator[tuple[InputLine, BatchLine]]:
        """Yield lines that are not done; a bad one is done at once."""
        for line in input_lines(self.source):
            try:
                read = read_line(line.text, line.number)
                if read.name in self._names:
                    raise BadLine(f"{read.name!r} is the name of an earlier line too")
            except BadLine as error:
                if not self.record.has(line):
                    self._failed(line, str(error))
                    self._done(line, bad_record(str(line.number), str(error)))
                continue
            self._names.add(read.name)
            if not self.record.has(line):
                yield line, read

    async def _send(self, line: InputLine, read: BatchLine) -> None:
        sent_s = time.monotonic()
        try:
            body = await asyncio.to_thread(read.sendable, self.source.parent)
            said = await self.client.post(read.path, body)
        except BadLine as error:
            self._failed(line, str(error))
            self._done(line, bad_record(read.name, str(error)))
        except KeyRefused as error:
            raise BatchStopped(f"{error}; give a key with --key or OTMV_KEY") from error
        except (InvalidRequest, DeadlineMissed) as error:
            self.pace.answered()
            self._failed(line, str(error))
            self._done(line, read.refused(error.status, error.problem))
        except OtmvError as error:
            self._not_answered(line, read, error, sent_s)
        else:
            self.pace.answered()
            self._done(line, read.answered(said))

    def _not_answered(
        self, line: InputLine, read: BatchLine, error: OtmvError, sent_s: float
    ) -> None:
        """Send it later if that may help; otherwise leave it to the next run."""
        if may_send_again(error):
            wait_s = _WAIT_S if error.asked_wait_s is None else error.asked_wait_s
            self.pace.refused(sent_s, time.monotonic(), wait_s)
            self._again.append((line, read))
        else:
            self._failed(line, str(error))
            self.undone += 1

    def _failed(self, line: InputLine, problem: str) -> None:
        self.failed += 1
        if len(self.problems) < MOST_SHOWN:
            self.problems.append(f"line {line.number}: {problem}")

    def _done(self, line: InputLine, out: dict[str, object]) -> None:
        self._heard_s = time.monotonic()
        self.record.add(line, out)
        self.done += 1
        self.on_done()

    def _check_patience(self) -> None:
        silent_s = time.monotonic() - max(self._heard_s, self.pace.resumes_s)
        if silent_s > self.patience_s:
            raise BatchStopped(f"the server has not answered for {silent_s:.0f} s")
