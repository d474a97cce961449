"""The body of a chat completion, as OpenAI's clients send it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from server.apis.only import Anything, Only
from server.requests.budget import BudgetFields
from server.requests.fields import LONGEST_TEXT, WholeNumber, WireModel
from server.requests.json_scan import JsonLimits

CHAT_LIMITS = JsonLimits(2000, 200, frozenset({b"url"}), 6)
"""Of a body: a conversation of some dozen turns is refused by its turns, not by its size."""
MOST_PARTS = 8
MOST_MESSAGES = 64
_MOST_TOKENS = 2**31
_GREEDY = "answers are the most likely ones, never sampled"
_NO_TOOLS = "this model calls no tools"


class TextPart(WireModel):
    """A text in a message."""

    type: Literal["text"]
    text: str = Field(max_length=LONGEST_TEXT)


class ImageUrl(WireModel):
    """A picture in a message."""

    url: str = Field(
        min_length=1, description="A data: URL, or base64. Remote addresses are refused."
    )
    detail: Annotated[Any, Anything()] = None


class ImagePart(WireModel):
    """A picture in a message."""

    type: Literal["image_url"]
    image_url: ImageUrl


def _kind_of_part(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    return {"text": "<text>", "image_url": "<image>"}.get(kind) if isinstance(kind, str) else None


Part = Annotated[
    Annotated[TextPart, Tag("<text>")] | Annotated[ImagePart, Tag("<image>")],
    Discriminator(
        _kind_of_part,
        custom_error_type="part",
        custom_error_message="is neither of type text nor image_url; no other part is read",
    ),
]


def _kind_of_content(content: Any) -> str | None:
    if isinstance(content, str):
        return "<words>"
    return "<parts>" if isinstance(content, list) else None


Content = Annotated[
    Annotated[Annotated[str, Field(max_length=LONGEST_TEXT)], Tag("<words>")]
    | Annotated[
        list[Part], Field(min_length=1, max_length=MOST_PARTS, fail_fast=True), Tag("<parts>")
    ],
    Discriminator(
        _kind_of_content,
        custom_error_type="content",
        custom_error_message="is neither a text nor a list of parts",
    ),
]


class UserMessage(WireModel):
    """The one message that is read."""

    role: Literal["user"]
    content: Content
    name: Annotated[Any, Anything()] = None

    @field_validator("role", mode="before")
    @classmethod
    def _of_user(cls, role: Any) -> Any:
        if role in ("system", "developer"):
            raise ValueError(f"{role} messages are not read; send the user's message alone")
        if role in ("assistant", "tool", "function"):
            raise ValueError("earlier turns are not read; send the user's last message alone")
        return role

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        """Its content as parts."""
        if isinstance(self.content, str):
            return [TextPart(type="text", text=self.content)]
        return self.content


class StreamOptions(WireModel):
    """What a stream says beside the text."""

    include_usage: bool | None = None
    include_obfuscation: Annotated[Any, Anything()] = None


class ChatRequest(WireModel):
    """One user message: a picture and a question, a picture to describe, or two and a statement."""

    model: str = Field(
        min_length=1,
        max_length=1000,
        description="`NAME[/TASK][:VARIANT][@ADAPTER]`, as GET /v1/models lists them.",
    )
    messages: list[UserMessage] = Field(min_length=1, max_length=MOST_MESSAGES, fail_fast=True)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, WholeNumber(1, _MOST_TOKENS)] | None = None
    max_completion_tokens: Annotated[int, WholeNumber(1, _MOST_TOKENS)] | None = None
    budget: BudgetFields = BudgetFields()

    n: Annotated[Any, Only(1, why="one answer is given")] = None
    temperature: Annotated[Any, Only(0, why=_GREEDY)] = None
    presence_penalty: Annotated[Any, Only(0, why=_GREEDY)] = None
    frequency_penalty: Annotated[Any, Only(0, why=_GREEDY)] = None
    logit_bias: Annotated[Any, Only({}, why=_GREEDY)] = None
    stop: Annotated[Any, Only([], why="texts end by themselves")] = None
    logprobs: Annotated[Any, Only(False, why="scores are in otmv")] = None
    top_logprobs: Annotated[Any, Only(0, why="scores are in otmv")] = None
    tools: Annotated[Any, Only([], why=_NO_TOOLS)] = None
    tool_choice: Annotated[Any, Only("none", "auto", why=_NO_TOOLS)] = None
    functions: Annotated[Any, Only([], why=_NO_TOOLS)] = None
    function_call: Annotated[Any, Only("none", "auto", why=_NO_TOOLS)] = None
    response_format: Annotated[Any, Only({"type": "text"}, why="answers are plain text")] = None
    modalities: Annotated[Any, Only(["text"], why="answers are plain text")] = None
    store: Annotated[Any, Only(False, why="nothing is stored")] = None
    service_tier: Annotated[Any, Only("auto", "default", why="there are budgets")] = None

    top_p: Annotated[Any, Anything()] = None
    seed: Annotated[Any, Anything()] = None
    user: Annotated[Any, Anything()] = None
    safety_identifier: Annotated[Any, Anything()] = None
    prompt_cache_key: Annotated[Any, Anything()] = None
    metadata: Annotated[Any, Anything()] = None
    parallel_tool_calls: Annotated[Any, Anything()] = None

    @field_validator("messages")
    @classmethod
    def _one_turn(cls, messages: list[UserMessage]) -> list[UserMessage]:
        if len(messages) > 1:
            raise ValueError("earlier turns are not read; send the user's last message alone")
        return messages

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options: only with stream")
        limits = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(limits) > 1:
            raise ValueError("max_tokens and max_completion_tokens differ")
        return self

    @property
    def most_tokens(self) -> int | None:
        """The longest answer, in tokens; None: no limit is given."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def texts(self) -> list[str]:
        """The texts of the message, in order."""
        return [part.text for part in self.messages[0].parts if isinstance(part, TextPart)]

    @property
    def pictures(self) -> dict[str, str]:
        """Each picture's text, by the place of its field."""
        return {
            f"messages.0.content.{index}.image_url.url": part.image_url.url
            for index, part in enumerate(self.messages[0].parts)
            if isinstance(part, ImagePart)
        }
