"""`POST /v1/vqa` and `POST /v1/caption`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from artifact.errors import TextError
from engine import errors as engine
from engine.types import CaptionInput, VqaInput
from server import errors as http
from server.body import Body
from server.inference import Finished, Work, run, unless_gone
from server.intake import Ask, Fields, media_type
from server.openapi import infer_operation
from server.ports import Pool
from server.problems import openapi_responses
from server.responses import caption_response, vqa_response
from server.schemas import (
    CaptionFields,
    CaptionRequest,
    CaptionResponse,
    VqaFields,
    VqaRequest,
    VqaResponse,
)
from server.serving import Serving

router = APIRouter(prefix="/v1", tags=["answers"])

_ERRORS: tuple[type[Exception], ...] = (
    engine.UnknownVariant,
    engine.InvalidInput,
    engine.NoVariantFits,
    engine.QueueFull,
    engine.Draining,
    engine.NotReady,
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
    http.IntakeFull,
    http.ImageNotRecognised,
    http.ImageTooManyPixels,
    http.ImageUnreadable,
)
Read = Callable[[bytes, Mapping[str, str]], Ask[Fields]]


@router.post(
    "/vqa",
    summary="Answer questions about a picture",
    response_model=VqaResponse,
    responses=openapi_responses(_ERRORS),
    openapi_extra=infer_operation(VqaRequest, VqaFields, "question"),
)
async def vqa(request: Request) -> Response:
    """Answer one or several questions about one picture, each with the best variant it can have.

    The budget may also be given by `X-Otmv-*` headers; a field in the body wins over its header.
    """
    serving: Serving = request.app.state.serving

    def work(ask: Ask[VqaFields]) -> Work:
        fields = ask.fields
        for question in fields.asked:
            serving.pool().check_question(question)
        inputs = [partial(_question, question, fields.top_k) for question in fields.asked]
        return Work("vqa", ask.budget, ask.picture, ask.header, inputs)

    ask, finished = await _infer(request, serving, serving.intake.vqa, work)
    state = request.scope["state"]
    return vqa_response(finished, ask.fields.asked, state["request_id"], state["arrived_s"])


@router.post(
    "/caption",
    summary="Describe a picture",
    response_model=CaptionResponse,
    responses=openapi_responses(_ERRORS),
    openapi_extra=infer_operation(CaptionRequest, CaptionFields, None),
)
async def caption(request: Request) -> Response:
    """Describe one picture in words; budgets as for questions."""
    serving: Serving = request.app.state.serving

    def work(ask: Ask[CaptionFields]) -> Work:
        inputs = [partial(_description, ask.fields.max_new_tokens)]
        return Work("caption", ask.budget, ask.picture, ask.header, inputs)

    _, finished = await _infer(request, serving, serving.intake.caption, work)
    state = request.scope["state"]
    return caption_response(finished, state["request_id"], state["arrived_s"])


async def _infer(
    request: Request,
    serving: Serving,
    read: Read[Fields],
    make_work: Callable[[Ask[Fields]], Work],
) -> tuple[Ask[Fields], Finished]:
    """Refuse what can be refused unread, then read, check, and run until the client leaves."""
    pool = _open_pool(serving)
    if request.scope["query_string"]:
        raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
    media_type(request.headers)
    with await _read(request, serving) as body:

        async def answer() -> tuple[Ask[Fields], Finished]:
            ask = await serving.parse(read, body.data, request.headers)
            body.data = b""  # the picture is a copy; its bytes stay counted until the answer
            arrived_s: float = request.scope["state"]["arrived_s"]
            return ask, await run(serving, pool, make_work(ask), arrived_s)

        return await unless_gone(request, answer())


def _open_pool(serving: Serving) -> Pool:
    """Return the engine, or count the refusal."""
    try:
        return serving.pool()
    except (http.StillDraining, http.StillLoading) as error:
        draining = isinstance(error, http.StillDraining)
        serving.telemetry.shed("draining" if draining else "not_ready")
        raise


async def _read(request: Request, serving: Serving) -> Body:
    """Read the body, or count the refusal."""
    try:
        return await serving.bodies.read(request)
    except http.IntakeFull:
        serving.telemetry.shed("intake_full")
        raise


def _question(question: str, top_k: int, pixels: NDArray[np.uint8]) -> VqaInput:
    return VqaInput(pixels, question, top_k)


def _description(max_new_tokens: int | None, pixels: NDArray[np.uint8]) -> CaptionInput:
    return CaptionInput(pixels, max_new_tokens)
