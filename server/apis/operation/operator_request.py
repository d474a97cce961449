"""What the routes for operators share: the check of the API key, and a JSON body."""

from __future__ import annotations

from contextlib import closing

from fastapi import Request

from server import errors as http
from server.access.operators import check_operator
from server.access.web_pages import check_no_foreign_page
from server.http.media_types import JSON, media_type
from server.lifecycle.serving import Serving
from server.observing.request_record import record_of
from server.requests.fields import Model, from_json
from server.requests.json_scan import scan_json

OPERATOR_REQUEST_ERRORS: tuple[type[Exception], ...] = (
    http.FromWebPage,
    http.StillLoading,
    http.StillDraining,
    http.AnswerOverdue,
    http.MalformedBody,
    http.InvalidFields,
    http.UnsupportedBody,
    http.BodyTooLarge,
    http.BodyTooSlow,
    http.TooManyBodies,
)
"""What every such request can be refused for, apart from its key."""


async def read_operator_request(
    request: Request, model: type[Model], what: str, empty: Model | None = None
) -> Model:
    """Check that a request is an operator's, and return its body.

    `what` names the operation in errors. `empty` is returned for an empty body, if given.

    Raises:
        NotOperator: the API key is no operator's.
        FromWebPage: a web page of another site sent it.
        ServerError: the body is wrong.
    """
    check_is_operator(request)
    serving: Serving = request.app.state.serving
    with closing(await serving.bodies.read(request)) as body:
        if empty is not None and not body.data:
            return empty
        if media_type(request.headers) != JSON:
            raise http.UnsupportedBody(f"{what} reads {JSON} only")
        scanned = await serving.parse(len(body.data), scan_json, body.data)
        return from_json(model, scanned.text)


def check_is_operator(request: Request) -> None:
    """Check that a request is an operator's, and has no parameters.

    Raises:
        NotOperator: the API key is no operator's.
        FromWebPage: a web page of another site sent it.
        InvalidFields: it has a query.
    """
    serving: Serving = request.app.state.serving
    api_key = record_of(request).api_key
    check_operator(serving.settings.keys, api_key)
    check_no_foreign_page(request, api_key, serving.settings.allowed_hosts)
    if request.scope["query_string"]:
        raise http.InvalidFields.one("query", "takes no parameters; send them in the body")
