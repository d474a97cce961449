"""Wire models: what a request may say and what an answer says. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

LIMIT_QUESTIONS = 32
LIMIT_BEAMS = 8
LIMIT_LATENCY_MS = 3_600_000.0
LIMIT_MEMORY_MB = 16_000_000.0

Question = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"\S"),
    Field(description="A question about the picture.", examples=["what color is the circle?"]),
]
Statement = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2000, pattern=r"\S"),
    Field(
        description="A statement about the two pictures.",
        examples=["there is a circle in both pictures"],
    ),
]
_IMAGE = "The picture: base64, or a data: URL. Remote addresses are refused."


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class BudgetFields(_Wire):
    """What a request may cost. Hard: memory, quality, variant. Latency is soft under `degrade`."""

    max_latency_ms: float | None = Field(
        default=None, gt=0, le=LIMIT_LATENCY_MS, description="Time from the request's arrival, ms."
    )
    max_memory_mb: float | None = Field(
        default=None,
        gt=0,
        le=LIMIT_MEMORY_MB,
        description="Memory of the variant's stages, 10^6 bytes.",
    )
    min_quality: float | None = Field(
        default=None, gt=0, le=1, description="Measured quality of the variant, 0 to 1."
    )
    variant: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Exactly this variant; it is never swapped.",
    )
    on_miss: Literal["degrade", "reject"] | None = Field(
        default=None, description="A lower variant, or an error, when the latency cannot be met."
    )


class VqaFields(_Wire):
    """What is asked about a picture, apart from the picture."""

    question: Question | None = None
    questions: list[Question] | None = Field(default=None, min_length=1, max_length=LIMIT_QUESTIONS)
    top_k: int = Field(default=5, ge=1, le=100, description="Answers to return for each question.")
    budget: BudgetFields = BudgetFields()

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> Self:
        if (self.question is None) == (self.questions is None):
            raise ValueError("give either question or questions")
        return self

    @property
    def asked(self) -> list[str]:
        """Return the questions in order, whichever way they were given."""
        return self.questions if self.questions is not None else [self.question or ""]


class CaptionFields(_Wire):
    """How a picture is described, apart from the picture."""

    max_new_tokens: int | None = Field(
        default=None,
        ge=1,
        le=512,
        description="Longest caption; default: the artifact's own limit.",
    )
    num_beams: int = Field(
        default=1, ge=1, le=LIMIT_BEAMS, description="Captions searched side by side; 1: greedy."
    )
    stream: bool = Field(
        default=False, description="Send the text while it is written, as server-sent events."
    )
    budget: BudgetFields = BudgetFields()

    @field_validator("stream")
    @classmethod
    def _only_a_greedy_text_grows(cls, stream: bool, info: ValidationInfo) -> bool:
        if stream and info.data.get("num_beams", 1) > 1:
            raise ValueError("needs num_beams 1: the text of several beams is known at the end")
        return stream


class ReasonFields(_Wire):
    """What is said about two pictures, apart from the pictures."""

    statement: Statement
    budget: BudgetFields = BudgetFields()


class VqaRequest(VqaFields):
    """Questions about one picture."""

    image: str = Field(description=_IMAGE, min_length=1)


class CaptionRequest(CaptionFields):
    """One picture to describe."""

    image: str = Field(description=_IMAGE, min_length=1)


class ReasonRequest(ReasonFields):
    """A statement about two pictures."""

    images: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=2,
        max_length=2,
        description="The left picture, then the right one: base64, or data: URLs.",
    )


class SkipPatternView(_Wire):
    """Which orders of the series ran."""

    bits: str = Field(description="One digit per order; 1 = executed.")
    executed_orders: list[int] = Field(description="The executed orders, counted from 0.")


class Timings(_Wire):
    """Where the time went, ms; total counts from the arrival of the request head.

    decode and preprocess are summed over the pictures, which are decoded side by side.
    """

    decode: float
    preprocess: float
    queue: float
    stem: float
    blocks: float
    head: float
    total: float


class Served(_Wire):
    """How an answer was computed."""

    variant: str
    skip_pattern: SkipPatternView
    executed_blocks: int
    quality: float | None = Field(description="Measured quality of the variant; null = unknown.")
    predicted_ms: float = Field(
        description="Predicted when the variant became final: first step to answer."
    )
    deadline_met: bool | None = Field(description="null when no deadline applied.")
    degraded: bool = Field(description="A lower variant than the best qualifying one was used.")
    timings_ms: Timings


class ScoredAnswer(_Wire):
    """One candidate answer and its softmax score."""

    answer: str
    score: float


class VqaAnswer(Served):
    """The answer to one question."""

    question: str
    answer: str
    score: float
    top_k: list[ScoredAnswer]


class VqaResponse(_Wire):
    """One answer per question, in the order asked."""

    request_id: str
    task: Literal["vqa"] = "vqa"
    answers: list[VqaAnswer]


class CaptionResponse(Served):
    """A caption of the picture."""

    request_id: str
    task: Literal["caption"] = "caption"
    caption: str


class ReasonResponse(Served):
    """Whether a statement holds for two pictures."""

    request_id: str
    task: Literal["reason"] = "reason"
    statement: str
    answer: bool
    score: float = Field(description="Softmax score of the answer given.")


class OfferView(_Wire):
    """A variant as it can be served now."""

    task: str
    variant: str
    skip_pattern: SkipPatternView
    executed_blocks: int
    keys: list[int] = Field(description="The key blocks it needs.")
    quality: float | None
    quality_precision: Literal["fp32", "bf16", "fp16"] | None = Field(
        description="The precision the quality was measured at; null = unknown."
    )
    predicted_ms: float = Field(description="Service time on an idle engine.")
    memory_mb: float = Field(description="10^6 bytes of its stages and of one request.")
    resident: bool = Field(description="False: evicted by the memory budget, not chosen.")


class VariantsResponse(_Wire):
    """Everything the server can answer with."""

    model: str
    artifact_sha256: str
    tasks: list[str]
    memory_budget_mb: float | None
    resident_keys: list[int]
    variants: list[OfferView]


class ProblemModel(BaseModel):
    """An error, RFC 9457."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(examples=["urn:otmv:problem:queue-full"])
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
