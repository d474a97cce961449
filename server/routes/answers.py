"""`POST /v1/vqa`, `POST /v1/caption` and `POST /v1/reason`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from fastapi import APIRouter, Request
from numpy.typing import NDArray
from starlette.responses import Response

from artifact.errors import TextError
from engine import errors as engine
from engine.types import Budget, CaptionInput, ReasonInput, Task, VqaInput
from server import errors as http
from server.answering.answerer import Finished, Work, run, unless_gone
from server.engine_pool import OnText, Pool
from server.errors.statuses import openapi_responses, problem_body
from server.http.body import Body
from server.http.event_stream import EventStream
from server.lifecycle.serving import Serving
from server.observing.logs import log_failure
from server.observing.request_record import Facts, facts_of
from server.requests.reader import Ask, Fields, Intake, media_type
from server.responses import caption_body, json_response, reason_body, vqa_body
from server.routes.openapi_document import event_stream, infer_operation
from server.schemas import (
    CaptionFields,
    CaptionRequest,
    CaptionResponse,
    ReasonFields,
    ReasonRequest,
    ReasonResponse,
    VqaFields,
    VqaRequest,
    VqaResponse,
)

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
    context = _Context.of(request)

    async def answer(pool: Pool, ask: Ask[VqaFields]) -> Response:
        asked, top_k = ask.fields.asked, ask.fields.top_k
        context.note("vqa", ask.budget, *asked)
        tokens = [pool.check_question(question) for question in asked]
        inputs = [partial(_question, question, top_k) for question in asked]
        work = Work("vqa", ask.budget, ask.pictures, inputs, tokens=tokens)
        finished = await context.run(pool, work)
        body = vqa_body(finished, asked, context.request_id)
        return context.reply(json_response(body, body.answers), finished)

    return await _infer(context, context.intake.vqa, answer)


@router.post(
    "/caption",
    summary="Describe a picture",
    response_model=CaptionResponse,
    responses={**openapi_responses(_ERRORS), 200: event_stream(CaptionResponse)},
    openapi_extra=infer_operation(CaptionRequest, CaptionFields),
)
async def caption(request: Request) -> Response:
    """Describe one picture in words; budgets as for questions.

    With `stream` the words come as server-sent events while they are written. What is refused
    before the first word keeps its status.
    """
    context = _Context.of(request)

    async def answer(pool: Pool, ask: Ask[CaptionFields]) -> Response:
        max_new_tokens, num_beams = ask.fields.max_new_tokens, ask.fields.num_beams
        context.note("caption", ask.budget)
        pool.check_caption(max_new_tokens, num_beams)
        inputs = [partial(_description, max_new_tokens, num_beams)]
        work = Work(
            "caption", ask.budget, ask.pictures, inputs, rows=num_beams, tokens=[max_new_tokens]
        )

        async def described(on_text: OnText | None = None) -> CaptionResponse:
            return caption_body(await context.run(pool, work, on_text), context.request_id)

        if ask.fields.stream:
            return await EventStream(described, context.problem).begun()
        body = await described()
        return json_response(body, [body])

    return await _infer(context, context.intake.caption, answer)


@router.post(
    "/reason",
    summary="Judge a statement about two pictures",
    response_model=ReasonResponse,
    responses=openapi_responses(_ERRORS),
    openapi_extra=infer_operation(ReasonRequest, ReasonFields, pictures=2),
)
async def reason(request: Request) -> Response:
    """Say whether a statement about a left and a right picture holds; budgets as for questions."""
    context = _Context.of(request)

    async def answer(pool: Pool, ask: Ask[ReasonFields]) -> Response:
        statement = ask.fields.statement
        context.note("reason", ask.budget, statement)
        tokens = [pool.check_question(statement)]
        inputs = [partial(_judgement, statement)]
        work = Work("reason", ask.budget, ask.pictures, inputs, rows=2, tokens=tokens)
        finished = await context.run(pool, work)
        body = reason_body(finished, statement, context.request_id)
        return context.reply(json_response(body, [body]), finished)

    return await _infer(context, context.intake.reason, answer)


@dataclass(frozen=True)
class _Context:
    """A request with what the middleware stamped on it."""

    request: Request
    serving: Serving
    facts: Facts

    @classmethod
    def of(cls, request: Request) -> Self:
        return cls(request, request.app.state.serving, facts_of(request))

    @property
    def request_id(self) -> str:
        return self.facts.request_id

    @property
    def intake(self) -> Intake:
        return self.serving.intake_of(self.facts.api_key)

    def note(self, task: Task, budget: Budget, *texts: str) -> None:
        """Note what is asked, for the log line and the spans."""
        self.facts.task, self.facts.on_miss, self.facts.texts = task, budget.on_miss, texts

    async def run(self, pool: Pool, work: Work, on_text: OnText | None = None) -> Finished:
        finished = await run(self.serving, pool, work, self.facts.arrived_s, on_text)
        self.facts.finished = finished
        return finished

    def reply(self, response: Response, finished: Finished) -> Response:
        """Return a response that is ready, and learn how long that took after the last answer."""
        answered_s = self.facts.arrived_s + max(finished.total_s)
        now = self.serving.clock.now_s()
        self.serving.handover.add(now - answered_s, now)
        return response

    def problem(self, error: Exception) -> dict[str, Any]:
        log_failure(error, self.facts)
        return problem_body(error, self.request_id, self.request.scope["path"])


async def _infer(
    context: _Context,
    read: Callable[[bytes, Mapping[str, str]], Ask[Fields]],
    answer: Callable[[Pool, Ask[Fields]], Awaitable[Response]],
) -> Response:
    """Refuse what can be refused unread, then read, check, and answer until the client leaves."""
    request, serving = context.request, context.serving
    _check_open(serving)
    if request.scope["query_string"]:
        raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
    media_type(request.headers)
    with await _read(request, serving) as body:

        async def respond() -> Response:
            ask = await serving.parse(read, body.data, request.headers)
            body.data = b""  # the pictures are copies; their bytes stay counted until the answer
            with serving.tenure.lease() as pool:
                return await answer(pool, ask)

        return await unless_gone(request.receive, respond())


def _check_open(serving: Serving) -> None:
    """Refuse before the body is read if nothing is taken now, and count the refusal."""
    try:
        serving.pool()
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


def _question(question: str, top_k: int, pixels: Sequence[NDArray[np.uint8]]) -> VqaInput:
    return VqaInput(pixels[0], question, top_k)


def _description(
    max_new_tokens: int | None, num_beams: int, pixels: Sequence[NDArray[np.uint8]]
) -> CaptionInput:
    return CaptionInput(pixels[0], max_new_tokens, num_beams)


def _judgement(statement: str, pixels: Sequence[NDArray[np.uint8]]) -> ReasonInput:
    left, right = pixels
    return ReasonInput((left, right), statement)
