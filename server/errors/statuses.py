"""One table from an error's type to its HTTP status, and when to try again.

It is the only place that knows HTTP statuses; routes generate their OpenAPI responses from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus

from starlette.exceptions import HTTPException

from artifact.errors import TextError
from engine import errors as engine
from pictures import errors as pictures
from server import errors as http

_TYPE_PREFIX = "urn:otmv:problem:"


@dataclass(frozen=True)
class Problem:
    """A kind of error: its status, the last part of its type URI, and its title."""

    status: int
    slug: str
    title: str

    @property
    def type_uri(self) -> str:
        """Return the stable identifier clients may switch on."""
        return _TYPE_PREFIX + self.slug


CLIENT_LEFT = 499
MALFORMED = 400
UNPROCESSABLE = 422
RETRIED = frozenset({409, 429, 503})
"""Statuses of what a later try may not meet: such answers may say when."""
INTERNAL = Problem(500, "internal", "The server failed; quote the request id when reporting it")
ADAPTER_REFUSED = Problem(422, "adapter-refused", "The adapter cannot be loaded")
NO_ROOM_FOR_ADAPTER = Problem(409, "no-room-for-adapter", "There is no room for the adapter")
LOAD_FAILED = Problem(503, "load-failed", "A stage could not be loaded")
IMAGE_TOO_LARGE = Problem(413, "image-too-large", "The picture has too many pixels")
BAD_REQUEST = Problem(400, "bad-request", "Bad Request")
IMAGE_UNREADABLE = Problem(422, "image-unreadable", "The picture cannot be decoded")

PROBLEMS: dict[type[Exception], Problem] = {
    engine.UnknownVariant: Problem(422, "unknown-variant", "No variant has that name"),
    engine.UnknownAdapter: Problem(422, "unknown-adapter", "No adapter of that name is loaded"),
    engine.AdapterNotLoaded: ADAPTER_REFUSED,
    engine.AdapterLoaded: Problem(409, "adapter-exists", "An adapter of that name is loaded"),
    engine.TooManyAdapters: NO_ROOM_FOR_ADAPTER,
    engine.AdapterBudgetTooSmall: NO_ROOM_FOR_ADAPTER,
    engine.InvalidInput: Problem(422, "invalid-input", "A value is out of range"),
    engine.NoVariantFits: Problem(422, "no-variant-fits", "No variant meets the hard budgets"),
    engine.RequestError: Problem(422, "invalid-request", "The request cannot be served"),
    engine.QueueFull: Problem(429, "queue-full", "Every queue place is taken"),
    engine.Draining: Problem(503, "draining", "The server is shutting down"),
    engine.EngineStopped: Problem(503, "engine-stopped", "The engine has stopped by a fault"),
    engine.NotReady: Problem(503, "not-ready", "The engine is not ready"),
    engine.CapacityError: Problem(503, "no-capacity", "The engine cannot take the request now"),
    engine.DeadlineUnattainable: Problem(
        504, "deadline-unattainable", "The latency budget cannot be met"
    ),
    engine.DeadlineExpired: Problem(504, "deadline-expired", "The deadline has passed"),
    engine.DeadlineError: Problem(504, "deadline", "The latency budget was not met"),
    engine.Cancelled: Problem(CLIENT_LEFT, "cancelled", "The caller left"),
    engine.LoadFailed: LOAD_FAILED,
    engine.BudgetTooSmall: LOAD_FAILED,
    engine.ParityFailed: Problem(503, "parity-failed", "A stage disagrees with its reference"),
    engine.InferenceFailed: INTERNAL,
    engine.BackendError: INTERNAL,
    engine.EngineError: INTERNAL,
    TextError: Problem(422, "question", "The text cannot be given to the model"),
    http.MalformedBody: Problem(422, "malformed-body", "The body cannot be parsed"),
    http.InvalidFields: Problem(422, "invalid-fields", "Fields are missing, unknown or invalid"),
    http.RemoteUrlRefused: Problem(422, "remote-url", "Remote addresses are not fetched"),
    http.UnsupportedBody: Problem(415, "unsupported-body", "The body's type is not supported"),
    http.BodyTooLarge: Problem(413, "body-too-large", "The body is too large"),
    http.ModelNotFound: Problem(404, "model-not-found", "No model has that name"),
    http.HeadTooLarge: Problem(431, "head-too-large", "The head is too large"),
    http.HeadTooSlow: Problem(408, "head-too-slow", "The head did not arrive in time"),
    http.BodyTooSlow: Problem(408, "body-too-slow", "The body did not arrive in time"),
    http.TooManyHeads: Problem(503, "too-many-heads", "Too many request heads are in memory"),
    http.TooManyBodies: Problem(429, "intake-full", "Too many request bodies are in memory"),
    http.FrontBusy: Problem(503, "front-busy", "More requests come than the server can read"),
    http.ShareUsedUp: Problem(429, "share-used-up", "This client sends more than its part"),
    http.ClientLeft: Problem(CLIENT_LEFT, "client-left", "The client left"),
    http.TooManyConnections: Problem(503, "too-many-connections", "Too many connections"),
    pictures.DecodeWorkerDied: Problem(503, "decoder-died", "The decoding process ended"),
    http.AnswerOverdue: Problem(503, "answer-overdue", "The engine has not answered in time"),
    http.NoCommonVariant: Problem(503, "no-common-variant", "Different variants were compared"),
    http.StillLoading: Problem(503, "not-ready", "The engine is not ready"),
    http.StillDraining: Problem(503, "draining", "The server is shutting down"),
    http.Unauthorized: Problem(401, "unauthorized", "An API key is needed"),
    http.FromWebPage: Problem(403, "from-web-page", "Web pages of other sites may not do that"),
    http.HostNotAllowed: Problem(421, "host-not-allowed", "The server has another name"),
    http.RateExceeded: Problem(429, "rate-exceeded", "The API key is used too often"),
    http.ReloadOff: Problem(403, "reload-off", "Reloading is off"),
    http.NotOperator: Problem(403, "not-operator", "This API key may not do that"),
    http.ReloadRunning: Problem(409, "reload-running", "Another reload is running"),
    http.MemoryBudgetFixed: Problem(403, "memory-budget-fixed", "The memory budget is fixed"),
    http.MemoryBudgetChanging: Problem(
        409, "memory-budget-changing", "The memory budget is being changed"
    ),
    http.MemoryBudgetTooSmall: Problem(
        422, "memory-budget-too-small", "The memory budget holds no variant"
    ),
    http.AdaptersFixed: Problem(403, "adapters-fixed", "The adapters are fixed"),
    http.AdaptersChanging: Problem(409, "adapters-changing", "An adapter is being changed"),
    http.AdapterNotThere: Problem(404, "adapter-not-there", "There is no such adapter"),
    http.AdapterRefused: ADAPTER_REFUSED,
    http.ArtifactOutside: Problem(403, "artifact-outside", "The artifact may not be loaded"),
    http.ArtifactRefused: Problem(422, "artifact-refused", "The artifact cannot be served"),
    pictures.ImageNotRecognised: Problem(
        415, "image-format", "The picture's format is not supported"
    ),
    pictures.ImageTooManyPixels: IMAGE_TOO_LARGE,
    pictures.ImageTooManyBytes: IMAGE_TOO_LARGE,
    pictures.ImageUnreadable: IMAGE_UNREADABLE,
    pictures.ImageTooComplex: IMAGE_UNREADABLE,
    pictures.ImageError: Problem(422, "image", "The picture cannot be used"),
    http.ServerError: INTERNAL,
    MemoryError: Problem(503, "no-memory", "The server has no memory for this now"),
}

_RETRY_AFTER_S: dict[type[Exception], float] = {
    engine.CapacityError: 1.0,
    MemoryError: 1.0,
    engine.Draining: 5.0,
    engine.EngineStopped: 5.0,
    engine.NotReady: 2.0,
    engine.LoadFailed: 10.0,
    engine.ParityFailed: 10.0,
}
OPAQUE = (500, 503)
"""Statuses whose details hide the cause, except of errors that were written for clients."""


def classify(error: Exception) -> Problem:
    """Return the problem of the nearest class in the error's ancestry; unknown ones are 500."""
    if isinstance(error, HTTPException):
        return _framework_problem(error.status_code)
    for ancestor in type(error).__mro__:
        if ancestor in PROBLEMS:
            return PROBLEMS[ancestor]
    return INTERNAL


def _framework_problem(status: int) -> Problem:
    phrase = HTTPStatus(status).phrase
    return Problem(status, phrase.lower().replace(" ", "-"), phrase)


def retry_after_s(error: Exception) -> float | None:
    """Return the seconds after which to try again; None: that would change nothing."""
    own = getattr(error, "retry_after_s", None)
    if isinstance(own, (int, float)) and math.isfinite(own):
        return float(own)
    for ancestor in type(error).__mro__:
        if ancestor in _RETRY_AFTER_S:
            return _RETRY_AFTER_S[ancestor]
    return None
