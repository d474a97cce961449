"""A running server: every variant it offers, asked by name over HTTP."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
from PIL import Image

from artifact.task import EMBED, TASKS, TaskName, model_task
from cli.commands.ask.sending import problem_of
from cli.commands.eval.subjects import Shown, Vectors
from cli.commands.eval.tasks import JUDGED_TASKS
from cli.commands.eval.tasks.retrieval import read_vectors
from tuning.data.problems import DataError

_TIMEOUT_S = 60.0
_CONNECTIONS = 4
_GREY_PX = 64
_TEXTS_A_REQUEST = 32
"""As many as a server takes at most."""
_PICTURE_OR_TEXT = (400, 413, 415, 422)
"""Statuses that say something of one request, not of the server."""


class ServedSubject:
    """A server; see `Subject`.

    Raises:
        DataError: there is none at the address.
    """

    def __init__(self, url: str, key: str | None) -> None:
        self.name = url.rstrip("/")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.Client(base_url=self.name, headers=headers, timeout=_TIMEOUT_S)
        offered = self._json(lambda: self._client.get("/v1/variants"))
        self.tasks = tuple(dict.fromkeys(map(model_task, offered["tasks"])))
        self._offers = [(each["task"], each["variant"]) for each in offered["variants"]]
        self._grey = _grey_picture()
        self._space_of: dict[str, str] = {}

    def side_px(self, task: TaskName) -> None:
        """Return None: the server decodes files."""

    def variants(self, task: TaskName) -> tuple[str, ...]:
        """Return the variants that the server offers for a task."""
        offered = (variant for of, variant in self._offers if model_task(of) == task)
        return tuple(dict.fromkeys(offered))

    def problem(self, texts: Sequence[str]) -> str | None:
        """Leave it to the server; see `Subject`."""
        return None

    def answers(self, task: TaskName, variant: str, shown: Sequence[Shown]) -> list[str | None]:
        """Answer a batch over several connections; see `Subject`."""
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(lambda each: self._answer(task, variant, each), shown))

    def _answer(self, task: TaskName, variant: str, shown: Shown) -> str | None:
        form = {"variant": variant}
        if name := TASKS[task].text:
            form[name] = shown.example.text or ""
        body = self._form(task, shown, form)
        return None if body is None else JUDGED_TASKS[task].read(body)

    def picture_vectors(self, variant: str, shown: Sequence[Shown]) -> list[Vectors | None]:
        """Embed pictures over several connections; see `Subject`."""
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(lambda each: self._picture_vector(variant, each), shown))

    def text_vectors(self, variant: str, texts: Sequence[Sequence[str]]) -> list[Vectors | None]:
        """Embed each group's texts over several connections; see `Subject`."""
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            return list(pool.map(lambda each: self._text_vectors(variant, each), texts))

    def _picture_vector(self, variant: str, shown: Shown) -> Vectors | None:
        body = self._form(EMBED, shown, {"variant": variant, "encoding_format": "base64"})
        return None if body is None else self._vectors(variant, body)

    def _text_vectors(self, variant: str, texts: Sequence[str]) -> Vectors | None:
        found = []
        for at in range(0, len(texts), _TEXTS_A_REQUEST):
            asked = {
                "texts": list(texts[at : at + _TEXTS_A_REQUEST]),
                "encoding_format": "base64",
                "budget": {"variant": variant},
            }
            body = self._json(
                lambda asked=asked: self._client.post(f"/v1/{EMBED}", json=asked), _PICTURE_OR_TEXT
            )
            if body is None:
                return None
            found.append(self._vectors(variant, body))
        return np.concatenate(found)

    def _vectors(self, variant: str, body: Any) -> Vectors:
        """Return an answer's vectors.

        Raises:
            DataError: they may not be compared with those before.
        """
        vectors, spaces = read_vectors(body)
        known = self._space_of.setdefault(variant, spaces[0])
        if other := set(spaces) - {known}:
            raise DataError(
                f"{self.name} changed while it was measured ({known}, then {min(other)})",
                "measure it again; vectors of two spaces do not mix",
            )
        return vectors

    def _form(self, task: TaskName, shown: Shown, form: dict[str, str]) -> Any:
        """Return the answer to an example's pictures and a form; None where they are refused."""
        pictures = [self._grey if shown.blank else file.read_bytes() for file in shown.files]
        files = [("image", ("picture", picture)) for picture in pictures]
        return self._json(
            lambda: self._client.post(f"/v1/{task}", files=files, data=form), _PICTURE_OR_TEXT
        )

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
