"""The JSON body of a Hugging Face task."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Discriminator, Field, Tag, model_validator

from server.apis.only import Anything
from server.requests.fields import WireModel
from server.requests.json_scan import JsonLimits

HF_LIMITS = JsonLimits(300, 40, frozenset({b"inputs", b"image"}), 2)
Parameter = str | bool | int | float


class ImageAndQuestion(WireModel):
    """A picture, base64, and what is asked about it."""

    image: str = Field(min_length=1)
    question: str | None = None


def _kind_of_inputs(inputs: Any) -> str | None:
    if isinstance(inputs, str):
        return "<picture>"
    return "<both>" if isinstance(inputs, dict) else None


Inputs = Annotated[
    Annotated[Annotated[str, Field(min_length=1)], Tag("<picture>")]
    | Annotated[ImageAndQuestion, Tag("<both>")],
    Discriminator(
        _kind_of_inputs,
        custom_error_type="inputs",
        custom_error_message="is neither a picture as base64 nor an object with image and question",
    ),
]


class HfRequest(WireModel):
    """A picture, and a question or none: as the client sends them, or as the task is specified."""

    inputs: Inputs
    image: str | None = Field(default=None, description="The picture of `inputs` once more.")
    question: str | None = None
    parameters: Annotated[dict[str, Parameter | None], Field(max_length=32)] = Field(
        default_factory=dict, description="`top_k`, `max_new_tokens`, and the fields of a budget."
    )
    options: Annotated[Any, Anything()] = None

    @model_validator(mode="after")
    def _asks_once(self) -> Self:
        both = isinstance(self.inputs, ImageAndQuestion)
        if both and (self.image is not None or self.question is not None):
            raise ValueError("image and question stand in inputs already")
        return self

    @property
    def asked(self) -> str | None:
        """What is asked, if anything is."""
        return self.inputs.question if isinstance(self.inputs, ImageAndQuestion) else self.question

    @property
    def picture(self) -> tuple[str, str]:
        """Where the picture stands, and its text."""
        if isinstance(self.inputs, ImageAndQuestion):
            return "inputs.image", self.inputs.image
        return "inputs", self.inputs
