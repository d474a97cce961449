"""The routes of our pages and of their files; none of them needs an API key, or an engine."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from server.apis.pages.files import PLAYGROUND, page_files
from server.lifecycle.serving import Serving


def pages_router() -> APIRouter:
    """Return a route for each file."""
    router = APIRouter(include_in_schema=False)
    for address in page_files():
        router.add_api_route(address, _page_file, methods=["GET"])
    return router


def page_addresses() -> frozenset[str]:
    """Return the addresses of all files: they hold nothing of the model, and ask for the key."""
    return frozenset(page_files())


async def _page_file(request: Request) -> Response:
    found = page_files()[request.scope["path"]]
    serving: Serving = request.app.state.serving
    if found.name.startswith(PLAYGROUND) and not serving.settings.playground:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found.response(request)
