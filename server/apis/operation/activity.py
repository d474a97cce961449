"""`GET /v1/activity`: what was asked and answered so far, for a page that shows it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from server.http.media_types import JSON
from server.lifecycle.serving import Serving
from server.requests.fields import WireModel

router = APIRouter(prefix="/v1", tags=["operation"])


class AnsweredView(WireModel):
    """How many requests a variant has answered."""

    task: str
    variant: str
    answered: int


class ActivityResponse(WireModel):
    """Counts since the start; what changed between two of them is what happened between."""

    open_requests: int = Field(description="Admitted, and not yet ended.")
    offered: int = Field(
        description="Requests that ended or found no room; faulty ones are left out."
    )
    on_time: int = Field(description="Requests that were answered by their deadline.")
    answered: list[AnsweredView]


@router.get("/activity", summary="What happens now", response_model=ActivityResponse)
async def activity(request: Request) -> Response:
    """Count what was offered, what came on time, and which variants answered.

    The metrics page says the same and much more, for Prometheus. This is small, so a page may ask
    every second, and it needs an API key where keys are configured.
    """
    serving: Serving = request.app.state.serving
    counts = serving.activity.counts()
    answered = [
        AnsweredView(task=task, variant=variant, answered=count)
        for (task, variant), count in counts.answered.items()
    ]
    body = ActivityResponse(
        open_requests=counts.open_requests,
        offered=counts.offered,
        on_time=counts.on_time,
        answered=answered,
    )
    return Response(body.model_dump_json(), media_type=JSON)
