"""A request's head or body is wrong, late, or left alone."""

from __future__ import annotations

from dataclasses import dataclass

from server.errors.base import ServerError


@dataclass(frozen=True)
class FieldProblem:
    """One field that was refused: where it stands and what is wrong with it."""

    field: str
    problem: str


class MalformedBody(ServerError):
    """The body cannot be parsed as what its content type says."""


class InvalidFields(ServerError):
    """Fields are missing, unknown or out of range."""

    def __init__(self, problems: tuple[FieldProblem, ...]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.problem}" for p in problems))
        self.problems = problems

    @classmethod
    def one(cls, field: str, problem: str) -> InvalidFields:
        """Return the error for a single field."""
        return cls((FieldProblem(field, problem),))


class ModelNotFound(ServerError):
    """The model's name, or a part of it, names what is not there; `known` are those there."""

    def __init__(self, what: str, given: str, known: tuple[str, ...]) -> None:
        there = f"there: {', '.join(known)}" if known else f"there is no {what} here"
        super().__init__(f"the model's name asks for the {what} {given[:100]!r}; {there}")
        self.known = known


class RemoteUrlRefused(ServerError):
    """A picture was given as a remote address, which this server never fetches."""

    def __init__(self, field: str) -> None:
        super().__init__(
            f"{field} is an address; this server fetches nothing. "
            "Send the picture itself: multipart, base64 or a data: URL"
        )
        self.field = field


class UnsupportedBody(ServerError):
    """The content type or content encoding is not one this route reads."""


class BodyTooLarge(ServerError):
    """The request body is larger than allowed; the connection is closed."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the body is larger than {limit_bytes} bytes; send a smaller picture, "
            "or raise OTMV_MAX_BODY_BYTES on the server"
        )
        self.headers = {"Connection": "close"}
        self.limit_bytes = limit_bytes


class HeadTooLarge(ServerError):
    """The request line and headers are larger than allowed; the connection is closed."""

    def __init__(self, most_bytes: int, most_lines: int) -> None:
        super().__init__(
            f"the request's head has more than {most_bytes} bytes or {most_lines} lines"
        )
        self.most_bytes, self.most_lines = most_bytes, most_lines


class HeadTooSlow(ServerError):
    """The request line and headers did not arrive within the allowed time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the request's head did not arrive within {timeout_s:g} s")


class BodyTooSlow(ServerError):
    """The request body did not arrive within the allowed time; the connection is closed."""

    def __init__(self, timeout_s: float) -> None:
        self.headers = {"Connection": "close"}
        super().__init__(f"the body did not arrive within {timeout_s:g} s")
        self.timeout_s = timeout_s


class ClientLeft(ServerError):
    """The client closed the connection before its answer was ready."""

    def __init__(self) -> None:
        super().__init__("the client closed the connection")
