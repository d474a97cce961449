"""A route that answers, as the front, the short way to it and OpenAPI know it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class AnswerRoute:
    """A `POST` route that answers.

    Attributes:
        path: with `{model}` for a model's name, of any characters, or without.
        kind: groups requests that take alike, for the gate.
        endpoint: what answers.
    """

    path: str
    kind: str
    endpoint: Endpoint

    @property
    def around_model(self) -> tuple[str, str]:
        """What stands before and behind the model's name; the second is "" without one."""
        before, _, behind = self.path.partition("{model}")
        return before, behind

    @property
    def names_model(self) -> bool:
        """Whether a model's name stands in the path."""
        return "{model}" in self.path


class AnswerRoutes:
    """The one table of routes that answer: what is not in it answers nothing."""

    def __init__(self, routes: Sequence[AnswerRoute]) -> None:
        self._exact = {each.path: each for each in routes if not each.names_model}
        self._urls = {path.encode(): each.kind for path, each in self._exact.items()}
        self._patterns = [(each.around_model, each) for each in routes if each.names_model]

    def find(self, path: str) -> AnswerRoute | None:
        """Return the route of a path, None if there is none."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact
        for (before, behind), route in self._patterns:
            around = path.startswith(before) and path.endswith(behind)
            if around and len(path) > len(before) + len(behind):
                return route
        return None

    def kind_of(self, url: bytes) -> str | None:
        """Return the kind of what a request's target names, None if the gate is not for it."""
        exact = self._urls.get(url)
        if exact is not None:
            return exact
        path = unquote_to_bytes(url.partition(b"?")[0]).decode(errors="replace")
        found = self.find(path)
        return None if found is None else found.kind
