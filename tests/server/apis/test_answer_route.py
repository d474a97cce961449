"""The one table of routes that answer: what the front, and the short way to them, look up."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response

from server.apis.answer_route import AnswerRoute, AnswerRoutes
from server.apis.registry import routes_that_answer


async def ask(request: Request) -> Response:
    return Response()


EXACT = AnswerRoute("/v1/vqa", "vqa", ask)
NAMED = AnswerRoute("/v2/models/{model}/infer", "infer", ask)
TABLE = AnswerRoutes([EXACT, NAMED])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1/vqa", EXACT),
        ("/v1/vqa/", None),
        ("/v1/vqa2", None),
        ("/v2/models/demo/infer", NAMED),
        ("/v2/models/demo/vqa:d2@x/infer", NAMED),
        ("/v2/models//infer", None),
        ("/v2/models/infer", None),
        ("/v2/models/demo", None),
    ],
)
def test_a_path_finds_its_route(path: str, found: AnswerRoute | None) -> None:
    assert TABLE.find(path) is found


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (b"/v1/vqa", "vqa"),
        (b"/v1/vqa?x=1", "vqa"),
        (b"/v1/%76qa", "vqa"),
        (b"/v2/models/demo%3Ad2/infer", "infer"),
        (b"/v2/models/\xff/infer", "infer"),
        (b"/healthz", None),
        (b"*", None),
    ],
)
def test_the_front_knows_a_target_as_the_router_does(url: bytes, kind: str | None) -> None:
    assert TABLE.kind_of(url) == kind


def test_every_api_is_in_the_table() -> None:
    table = routes_that_answer()
    assert table.kind_of(b"/v1/vqa") == "vqa"
    assert table.kind_of(b"/v1/chat/completions") == "chat"
