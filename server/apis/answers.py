"""What the answers of every API share: how they may fail, their JSON, and their times."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from artifact.errors import TextError
from engine import errors as engine
from pictures import errors as pictures
from server import errors as http
from server.answering.work import WorkResult
from server.http.media_types import JSON

ANSWER_ERRORS: tuple[type[Exception], ...] = (
    engine.UnknownVariant,
    engine.UnknownAdapter,
    engine.InvalidInput,
    engine.NoVariantFits,
    engine.QueueFull,
    engine.Draining,
    engine.NotReady,
    engine.EngineStopped,
    engine.DeadlineUnattainable,
    engine.DeadlineExpired,
    engine.InferenceFailed,
    TextError,
    http.MalformedBody,
    http.InvalidFields,
    http.RemoteUrlRefused,
    http.UnsupportedBody,
    http.BodyTooLarge,
    http.BodyTooSlow,
    http.TooManyBodies,
    http.FrontBusy,
    http.ShareUsedUp,
    pictures.DecodeWorkerDied,
    http.AnswerOverdue,
    http.NoCommonVariant,
    pictures.ImageNotRecognised,
    pictures.ImageTooManyPixels,
    pictures.ImageUnreadable,
)
"""How a request that asks for an answer may be refused, or fail."""


def json_response(body: Any, result: WorkResult) -> Response:
    """Return a body as JSON, with the phases of the slowest of its answers as a header."""
    return Response(
        to_json(body, inf_nan_mode="null"), headers=server_timing(result), media_type=JSON
    )


def server_timing(result: WorkResult) -> dict[str, str]:
    """Return the header with the phases of the slowest answer."""
    timings = result.slowest_timings_ms()
    return {"Server-Timing": ", ".join(f"{phase};dur={dur}" for phase, dur in timings.items())}
