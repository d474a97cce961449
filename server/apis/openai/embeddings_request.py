"""The body of a request for embeddings, as OpenAI's clients send it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from server.apis.only import Anything
from server.requests.budget import BudgetFields
from server.requests.fields import Text, WholeNumber, WireModel
from server.requests.json_scan import JsonLimits
from server.tasks.embed import EncodingFormat
from server.tasks.vector_requests import LIMIT_VECTORS

EMBEDDINGS_LIMITS = JsonLimits(200, 24, frozenset(), 1)
_MOST_DIMENSIONS = 2**31


def _kind_of_input(given: Any) -> str | None:
    if isinstance(given, str):
        return "<text>"
    texts = isinstance(given, list) and all(isinstance(each, str) for each in given)
    return "<texts>" if texts else None


Input = Annotated[
    Annotated[Text, Tag("<text>")]
    | Annotated[
        Annotated[list[Text], Field(min_length=1, max_length=LIMIT_VECTORS, fail_fast=True)],
        Tag("<texts>"),
    ],
    Discriminator(
        _kind_of_input,
        custom_error_type="input",
        custom_error_message="is neither a text nor a list of texts; token ids are not read",
    ),
]


class EmbeddingsRequest(WireModel):
    """Texts, of which each becomes a vector; all are of one variant."""

    model: str = Field(
        min_length=1,
        max_length=1000,
        description="`NAME[/embed][:VARIANT][@ADAPTER]`, as GET /v1/models lists them.",
    )
    input: Input
    encoding_format: EncodingFormat | None = None
    dimensions: Annotated[int, WholeNumber(1, _MOST_DIMENSIONS)] | None = Field(
        default=None, description="The model's own number; others are refused."
    )
    budget: BudgetFields = BudgetFields()

    user: Annotated[Any, Anything()] = None

    @property
    def texts(self) -> list[str]:
        """Its texts, in order."""
        return [self.input] if isinstance(self.input, str) else self.input
