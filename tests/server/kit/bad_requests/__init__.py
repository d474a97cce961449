"""At least 200 distinct bad requests, generated deterministically, for any server (fake or live).

`expected` are the statuses that are right; each answer must also be problem+json.
"""

from __future__ import annotations

from tests.server.kit.bad_requests.broken_pictures import broken_pictures
from tests.server.kit.bad_requests.budgets import budget_headers, budgets
from tests.server.kit.bad_requests.captions import caption_choices
from tests.server.kit.bad_requests.forms import form_fields, forms
from tests.server.kit.bad_requests.json_bodies import (
    base64_images,
    json_fields,
    json_syntax,
    questions,
)
from tests.server.kit.bad_requests.request import (
    CAPTION,
    FORM_TYPE,
    JSON_TYPE,
    REASON,
    VQA,
    BadRequest,
    form,
    good_request,
)
from tests.server.kit.bad_requests.routes import content_types, routes
from tests.server.kit.bad_requests.statements import reason_forms, reason_json

__all__ = [
    "CAPTION",
    "FORM_TYPE",
    "JSON_TYPE",
    "REASON",
    "VQA",
    "BadRequest",
    "corpus",
    "form",
    "good_request",
]


def corpus() -> list[BadRequest]:
    """Return every bad request; names and contents are distinct."""
    cases = [
        *json_syntax(),
        *json_fields(),
        *budgets(),
        *budget_headers(),
        *base64_images(),
        *broken_pictures(),
        *content_types(),
        *forms(),
        *form_fields(),
        *questions(),
        *caption_choices(),
        *reason_json(),
        *reason_forms(),
        *routes(),
    ]
    assert len({case.name for case in cases}) == len(cases)
    return cases
