"""Errors of APIs that are not ours, as OpenAPI describes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from server.errors.problem_json import header_references
from server.errors.shapes import ErrorShape
from server.errors.statuses import PROBLEMS, RETRIED, UNPROCESSABLE, Problem


def error_responses(
    shape: ErrorShape, errors: Iterable[type[Exception] | Problem]
) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of a route of another API, grouped by status."""
    told: dict[int, list[str]] = {}
    for error in errors:
        problem = error if isinstance(error, Problem) else PROBLEMS[error]
        status = shape.unprocessable if problem.status == UNPROCESSABLE else problem.status
        lines = told.setdefault(status, [])
        line = f"{problem.title} (`{problem.type_uri}`)"
        if line not in lines:
            lines.append(line)
    return {
        status: {
            "description": "; ".join(lines),
            "headers": header_references(*(("Retry-After",) if status in RETRIED else ())),
            "content": {shape.media_type: {"schema": shape.schema}},
        }
        for status, lines in sorted(told.items())
    }
