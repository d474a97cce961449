"""What the HTTP layer refuses by itself, before the engine sees a request.

ServerError
├── MalformedBody        the body is not the JSON or multipart it claims to be
├── InvalidFields        well-formed, but fields are missing, unknown or out of range
├── RemoteUrlRefused     the picture is given as an address instead of bytes
├── UnsupportedBody      content type or content encoding this server does not read
├── BodyTooLarge         more bytes than one request may have
├── HeadTooSlow          the request's head did not arrive in time
├── BodyTooSlow          the body did not arrive in time
├── TooManyConnections   more are open than this process may have files
├── IntakeFull           the bodies in memory have reached their limit
├── ClientLeft           the connection closed before the answer
├── StillLoading         the engine is not ready yet
├── StillDraining        the server is shutting down
├── Unauthorized         no API key, or an unknown one
├── RateExceeded         the API key's rate is used up
├── ReloadOff            the server was started without reloading
├── NotOperator          the API key may not change what is served
├── ReloadRunning        another reload is not over yet
├── ArtifactOutside      the artifact does not lie where a reload may look
├── ArtifactRefused      the new artifact cannot be served; the one before still is
└── ImageError
    ├── ImageNotRecognised   not one of the accepted picture formats
    ├── ImageTooManyPixels   the header announces more pixels than allowed
    └── ImageUnreadable      the format is right, the data is damaged
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_REALM = "otmv"


class ServerError(Exception):
    """Root of all refusals made by the HTTP layer; every subclass says how to fix the request."""


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
    """The request body is larger than allowed."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(
            f"the body is larger than {limit_bytes} bytes; send a smaller picture, "
            "or raise OTMV_MAX_BODY_BYTES on the server"
        )
        self.limit_bytes = limit_bytes


class HeadTooSlow(ServerError):
    """The request line and headers did not arrive within the allowed time."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"the request's head did not arrive within {timeout_s:g} s")


class TooManyConnections(ServerError):
    """So many connections are open that further ones would leave the server without files."""

    def __init__(self, limit: int, retry_after_s: float = 1.0) -> None:
        super().__init__(
            f"{limit} connections are open; try again, or raise the server's limit of open files"
        )
        self.retry_after_s = retry_after_s


class BodyTooSlow(ServerError):
    """The request body did not arrive within the allowed time; the connection is closed."""

    def __init__(self, timeout_s: float) -> None:
        self.headers = {"Connection": "close"}
        super().__init__(f"the body did not arrive within {timeout_s:g} s")
        self.timeout_s = timeout_s


class IntakeFull(ServerError):
    """Bodies waiting in memory have reached the server's limit; try again shortly."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many request bodies in memory; try again in {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class ClientLeft(ServerError):
    """The client closed the connection before its answer was ready."""

    def __init__(self) -> None:
        super().__init__("the client closed the connection")


class StillLoading(ServerError):
    """The engine is loading, checking or warming its artifact."""

    def __init__(self, phase: str, retry_after_s: float = 2.0) -> None:
        super().__init__(f"the engine is not ready yet ({phase}); wait until /readyz answers 200")
        self.retry_after_s = retry_after_s


class StillDraining(ServerError):
    """The server is shutting down and takes no new work."""

    def __init__(self, retry_after_s: float = 5.0) -> None:
        super().__init__("the server is shutting down; send the request to another one")
        self.retry_after_s = retry_after_s


class Unauthorized(ServerError):
    """The request came without an API key, or with one that is not configured here.

    `headers` are what RFC 6750 (section 3) wants beside the status.
    """

    def __init__(self, given: bool) -> None:
        what = "the API key is not known here" if given else "no API key was sent"
        super().__init__(f"{what}; send a header Authorization: Bearer KEY")
        challenge = f'Bearer realm="{_REALM}"'
        self.headers = {
            "WWW-Authenticate": f'{challenge}, error="invalid_token"' if given else challenge
        }


class RateExceeded(ServerError):
    """The API key was used more often than its rate allows."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"this API key is used too often; try again in {retry_after_s:.3g} s")
        self.retry_after_s = retry_after_s


class ReloadOff(ServerError):
    """Whoever reaches the port could change the model, so reloading must be allowed."""

    def __init__(self) -> None:
        super().__init__("reloading is off; start the server with OTMV_RELOAD=true")


class NotOperator(ServerError):
    """The API key may ask, but not change what is served."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the API key {name} is no operator's; give it operator = true if it is")


class ReloadRunning(ServerError):
    """One artifact at a time is loaded beside the one that is served."""

    def __init__(self, retry_after_s: float = 5.0) -> None:
        super().__init__("another reload is running; try again when it has ended")
        self.retry_after_s = retry_after_s


class ArtifactOutside(ServerError):
    """A reload may name artifacts below one folder only."""

    def __init__(self, path: Path, root: Path) -> None:
        super().__init__(
            f"{path} does not lie below {root}; put the artifact there, "
            "or set OTMV_ARTIFACTS_ROOT on the server"
        )
        self.path, self.root = path, root


class ArtifactRefused(ServerError):
    """A new artifact failed a check or could not be loaded; nothing has changed."""

    def __init__(self, cause: Exception, served: str) -> None:
        super().__init__(f"{cause}; {served} is still served")


class ImageError(ServerError):
    """Root of what can be wrong with a picture; `name` tells which one."""

    name = "image"

    def __str__(self) -> str:
        return f"{self.name} {super().__str__()}"


class ImageNotRecognised(ImageError):
    """The bytes are not a picture in an accepted format."""

    def __init__(self, accepted: tuple[str, ...]) -> None:
        super().__init__(f"is not a picture this server reads; send {', '.join(accepted)}")
        self.accepted = accepted


class ImageTooManyPixels(ImageError):
    """The picture's header announces more pixels than allowed; nothing was decoded."""

    def __init__(self, width: int | None, height: int | None, limit_pixels: int) -> None:
        size = f"{width}x{height}" if width and height else "more"
        super().__init__(f"has {size} pixels; the limit is {limit_pixels}: scale it down")
        self.width, self.height, self.limit_pixels = width, height, limit_pixels


class ImageUnreadable(ImageError):
    """The picture's format is known, but its data is damaged or cut off."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot be decoded ({reason}); send the whole, undamaged file")
        self.reason = reason
