"""Every API of the server: what it answers, and its other routes. A new one is an entry here, and
the shape of its errors in `server/errors/shapes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from server.apis.answer_route import AnswerRoute, AnswerRoutes
from server.apis.hugging_face.hf_request import HfRequest
from server.apis.hugging_face.routes import hf_answer_routes, hf_router
from server.apis.native import variants
from server.apis.native.answers import answer_routes, answers_router
from server.apis.open_inference.infer_request import InferRequest
from server.apis.open_inference.routes import infer_router, infer_routes
from server.apis.openai.chat_request import ChatRequest
from server.apis.openai.embeddings_request import EmbeddingsRequest
from server.apis.openai.routes import openai_answer_routes, openai_routers
from server.apis.operation import activity, adapters, artifacts, health, memory_budget
from server.apis.pages.routes import pages_router
from server.tasks import SERVED_TASKS
from server.tasks.served_task import ServedTask

Tasks = Sequence[ServedTask[Any]]


@dataclass(frozen=True)
class Api:
    """An API.

    Attributes:
        routers: its routes, described, those that answer included.
        answers: its routes that answer, for the front and for the short way to them.
        bodies: the JSON bodies that its routes read themselves, for OpenAPI.
    """

    routers: Callable[[Tasks], Sequence[APIRouter]]
    answers: Callable[[Tasks], Sequence[AnswerRoute]] = lambda tasks: ()
    bodies: Callable[[Tasks], Sequence[type[BaseModel]]] = lambda tasks: ()


APIS: dict[str, Api] = {
    "native": Api(
        lambda tasks: (answers_router(tasks), variants.router),
        answer_routes,
        lambda tasks: [served.shape.json for served in tasks],
    ),
    "openai": Api(
        lambda tasks: openai_routers(),
        lambda tasks: openai_answer_routes(),
        lambda tasks: (ChatRequest, EmbeddingsRequest),
    ),
    "open_inference": Api(
        lambda tasks: (infer_router(),),
        lambda tasks: infer_routes(),
        lambda tasks: (InferRequest,),
    ),
    "hugging_face": Api(
        lambda tasks: (hf_router(),),
        lambda tasks: hf_answer_routes(),
        lambda tasks: (HfRequest,),
    ),
    "operation": Api(
        lambda tasks: (
            adapters.router,
            artifacts.router,
            memory_budget.router,
            health.router,
            activity.router,
        ),
        bodies=lambda tasks: (
            adapters.LoadAdapterRequest,
            artifacts.ReloadRequest,
            memory_budget.MemoryBudgetRequest,
        ),
    ),
    "pages": Api(lambda tasks: (pages_router(),)),
}
"""Every API, in the order of the OpenAPI page."""


def routers() -> list[APIRouter]:
    """Return the routes of every API."""
    tasks = tuple(SERVED_TASKS.values())
    return [router for api in APIS.values() for router in api.routers(tasks)]


def routes_that_answer() -> AnswerRoutes:
    """Return the one table of routes that answer."""
    tasks = tuple(SERVED_TASKS.values())
    return AnswerRoutes([route for api in APIS.values() for route in api.answers(tasks)])


def json_bodies() -> list[type[BaseModel]]:
    """Return the JSON bodies that routes read themselves."""
    tasks = tuple(SERVED_TASKS.values())
    return [body for api in APIS.values() for body in api.bodies(tasks)]
