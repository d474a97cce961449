"""Hugging Face's routes, described."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import RootModel

from pictures.picture import ACCEPTED_FORMATS
from server import errors as http
from server.apis.answer_route import AnswerRoute
from server.apis.answers import ANSWER_ERRORS
from server.apis.exchange import answer_route
from server.apis.hugging_face.hf_request import HfRequest
from server.apis.hugging_face.tasks import HfRequests
from server.apis.openapi.operations import budget_headers, json_operation
from server.apis.openapi.other_errors import error_responses
from server.errors.problem_json import header_references
from server.errors.shapes import HUGGING_FACE
from server.requests.fields import WireModel

_MODELS = "/hf/models/"
_ROUTES = {
    "/hf/visual-question-answering": ("hf-question", HfRequests(asks=True)),
    "/hf/image-to-text": ("hf-picture", HfRequests(asks=False)),
    f"{_MODELS}{{model}}": ("hf", HfRequests(before=_MODELS)),
}
_SUMMARIES = (
    "Answer a question about a picture",
    "Describe a picture",
    "Either, by a model's name",
)


class HfScored(WireModel):
    """An answer to a question."""

    answer: str
    score: float
    otmv: dict[str, Any] | None = None


class HfText(WireModel):
    """A caption."""

    generated_text: str
    otmv: dict[str, Any] | None = None


class HfAnswers(RootModel[list[HfScored] | list[HfText]]):
    """Answers, the best one first; it has what our own API says under `otmv`."""


def hf_answer_routes() -> list[AnswerRoute]:
    """Return the routes that answer."""
    return [answer_route(path, kind, reads) for path, (kind, reads) in _ROUTES.items()]


def hf_router() -> APIRouter:
    """Return all routes, described."""
    router = APIRouter(tags=["Hugging Face"])
    responses = error_responses(HUGGING_FACE, (*ANSWER_ERRORS, http.ModelNotFound))
    responses[200] = {
        "description": "The answers.",
        "headers": header_references("Server-Timing"),
    }
    operation = json_operation(HfRequest, required=True) | {"parameters": budget_headers()}
    raw = {"schema": {"type": "string", "format": "binary"}}
    kinds = {f"image/{kind.lower()}": raw for kind in ACCEPTED_FORMATS}
    for route, summary in zip(hf_answer_routes(), _SUMMARIES, strict=True):
        extra = operation
        if "question" not in route.path:
            content = operation["requestBody"]["content"] | kinds
            extra = operation | {"requestBody": {"required": True, "content": content}}
        router.add_api_route(
            route.path.replace("{model}", "{model:path}"),
            route.endpoint,
            methods=["POST"],
            summary=summary,
            response_model=HfAnswers,
            responses=responses,
            openapi_extra=extra,
        )
    return router
