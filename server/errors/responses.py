"""An error as a whole response. Every error leaves through here, the framework's own included."""

from __future__ import annotations

import json
import math

from starlette.responses import Response

from server.errors.shapes import shape_of
from server.errors.statuses import retry_after_s


def error_response(error: Exception, request_id: str, path: str) -> Response:
    """Return the response of an error, in the shape of the API that a path belongs to."""
    shape = shape_of(path)
    headers = dict(getattr(error, "headers", None) or {}) | shape.headers(error)
    wait_s = retry_after_s(error)
    if wait_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return Response(
        error_json(error, request_id, path), shape.status(error), headers, shape.media_type
    )


def error_json(error: Exception, request_id: str, path: str) -> bytes:
    """Return the body of an error, in the shape of the API that a path belongs to."""
    body = shape_of(path).body(error, request_id, path)
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode(errors="replace")
