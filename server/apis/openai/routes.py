"""OpenAI's routes, described."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from server import errors as http
from server.apis.answer_route import AnswerRoute
from server.apis.answers import ANSWER_ERRORS
from server.apis.exchange import answer_route
from server.apis.openai import models
from server.apis.openai.chat import ChatRequests
from server.apis.openai.chat_request import ChatRequest
from server.apis.openai.embeddings import EmbeddingsRequests
from server.apis.openai.embeddings_request import EmbeddingsRequest
from server.apis.openapi.operations import EVENTS, budget_headers, json_operation
from server.apis.openapi.other_errors import error_responses
from server.errors.problem_json import header_references
from server.errors.shapes import OPENAI
from server.requests.fields import WireModel

_CHAT = answer_route("/v1/chat/completions", "chat", ChatRequests())
_EMBEDDINGS = answer_route("/v1/embeddings", "embeddings", EmbeddingsRequests())


class ChatMessage(WireModel):
    """What is answered."""

    role: str
    content: str
    refusal: None


class ChatChoice(WireModel):
    """The one answer."""

    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: str = Field(description="stop, or length if a caption reached its limit.")


class ChatUsage(WireModel):
    """Tokens, those of pictures included; a label counts as one."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(WireModel):
    """An answer as a chat completion."""

    id: str
    object: str
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    otmv: dict[str, Any] = Field(description="What our own API says of an answer.")


class Embedding(WireModel):
    """The vector of a text."""

    object: str
    index: int
    embedding: list[float] | str = Field(
        description="Of length 1: numbers, or base64 of their float32, as `encoding_format` says."
    )


class EmbeddingsUsage(WireModel):
    """Tokens of the texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(WireModel):
    """Vectors, in the order of the texts."""

    object: str
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage
    otmv: dict[str, Any] = Field(description="What our own API says of the first, but its vector.")


def openai_answer_routes() -> list[AnswerRoute]:
    """Return the routes that answer."""
    return [_CHAT, _EMBEDDINGS]


def openai_routers() -> list[APIRouter]:
    """Return all routes."""
    router = APIRouter(tags=["OpenAI"])
    responses = error_responses(OPENAI, (*ANSWER_ERRORS, http.ModelNotFound))
    responses[200] = {
        "description": "The answer; with `stream`, its chunks as events, then `[DONE]`.",
        "headers": header_references("Server-Timing"),
        "content": {EVENTS: {"schema": {"type": "string"}}},
    }
    router.add_api_route(
        _CHAT.path,
        _CHAT.endpoint,
        methods=["POST"],
        summary="Ask as OpenAI's clients do",
        description=(
            "One user message: a picture and a question, a picture to describe, or two pictures "
            "and a statement. What would change the answer and is not there is refused by name."
        ),
        response_model=ChatCompletion,
        responses=responses,
        openapi_extra=json_operation(ChatRequest, required=True) | {"parameters": budget_headers()},
    )
    _add_embeddings(router)
    return [router, models.router]


def _add_embeddings(router: APIRouter) -> None:
    responses = error_responses(OPENAI, (*ANSWER_ERRORS, http.ModelNotFound))
    responses[200] = {"description": "The vectors.", "headers": header_references("Server-Timing")}
    router.add_api_route(
        _EMBEDDINGS.path,
        _EMBEDDINGS.endpoint,
        methods=["POST"],
        summary="Turn texts into vectors as OpenAI's clients do",
        description=(
            "Each text becomes a vector of length 1, all of one variant. It needs an artifact with "
            "the task embed."
        ),
        response_model=EmbeddingList,
        responses=responses,
        openapi_extra=json_operation(EmbeddingsRequest, required=True)
        | {"parameters": budget_headers()},
    )
