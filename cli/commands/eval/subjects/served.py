"""A running server: every variant it offers, asked by name over HTTP."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from PIL import Image

from artifact.task import TASKS, TaskName
from cli.commands.ask.sending import problem_of
from cli.commands.eval.subjects import Shown
from cli.commands.eval.tasks import JUDGED_TASKS
from tuning.data.example import DataExample
from tuning.data.problems import DataError

_TIMEOUT_S = 60.0
_CONNECTIONS = 4
_GREY_PX = 64
_PICTURE_OR_TEXT = (400, 413, 415, 422)
"""Statuses that say something of one request, not of the server."""


class ServedSubject:
    """A server; see `Subject`.

    Raises:
        DataError: there is none at the address.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.name = url.rstrip("/")
        self.side_px = None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=self.name, headers=headers, timeout=_TIMEOUT_S)
        offered = self._json(lambda: self._client.get("/v1/variants"))
        self.tasks: tuple[TaskName, ...] = tuple(offered["tasks"])
        self._offers = [(each["task"], each["variant"]) for each in offered["variants"]]
        self._grey = _grey_picture()

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the variants that the server offers for a task."""
        return tuple(variant for of, variant in self._offers if of == task)

    def problem(self, task: TaskName, example: DataExample) -> str | None:
        """Leave it to the server; see `Subject`."""
        if TASKS[task].text is not None and example.text is None:
            return "comes as token ids, not as words: give the data set in its first format"
        return None

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch over several connections; see `Subject`."""
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(lambda each: self._answer(task, variant, each), shown))

    def _answer(self, task: TaskName, variant: str, shown: Shown) -> str | None:
        pictures = [self._grey if shown.blank else file.read_bytes() for file in shown.files]
        files = [("image", ("picture", picture)) for picture in pictures]
        form = {"variant": variant}
        if name := TASKS[task].text:
            form[name] = shown.example.text or ""
        body = self._json(
            lambda: self._client.post(f"/v1/{task}", files=files, data=form), _PICTURE_OR_TEXT
        )
        return None if body is None else JUDGED_TASKS[task].read(body)

    def _json(self, ask: Any, excused: tuple[int, ...] = ()) -> Any:
        """Return an answer's body; None where a status is excused.

        Raises:
            DataError: there is no answer, or it is an error.
        """
        fix = "start it with otmv serve, or give its address"
        try:
            response: httpx.Response = ask()
            body = response.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DataError(f"no answer from {self.name} ({error})", fix) from error
        except ValueError as error:
            raise DataError(f"{self.name} is no otmv server", fix) from error
        if response.status_code in excused:
            return None
        if response.is_error:
            raise DataError(self.name, problem_of(body, response.status_code))
        return body


def _grey_picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (_GREY_PX, _GREY_PX), (128, 128, 128)).save(buffer, "PNG")
    return buffer.getvalue()
