"""What a server answers, typed. Fields that a newer server adds are left out."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from otmv_serve.errors import ReplyUnreadable


class _Said(BaseModel):
    """Something a server said; it does not change."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ExecutedPattern(_Said):
    """Which orders of the series ran: one digit per order (1 = executed), and their numbers."""

    bits: str
    executed_orders: list[int]


class ReplyArtifact(_Said):
    """The artifact that answered: its name, and the first 12 digits of its manifest's SHA-256."""

    name: str
    hash: str


class WhyLower(_Said):
    """Why a lower variant was used: what the next better one was predicted to need, and had.

    `reason`: `time`, it would probably be late; `late`, so would any; `load`, others needed the
    engine. `left_ms` is None without a deadline, and negative where it had passed.
    """

    reason: Literal["time", "late", "load"]
    variant: str
    predicted_ms: float
    left_ms: float | None


class ServedReply(_Said):
    """How an answer was computed: by what, how good that is, and where the time went.

    Attributes:
        request_id: how the server's log calls it.
        artifact: which artifact answered.
        variant: the variant that answered.
        variant_quality: its task accuracy, 0 to 1; None if unknown. Not of this answer.
        skip_pattern: which orders it executes.
        executed_blocks: how many these are.
        predicted_ms: predicted when the variant was settled: first step to answer.
        deadline_met: whether the answer was ready by its deadline; None if none applied.
        degraded: whether a lower variant was used than the best within the hard limits.
        degraded_because: why; None if it was not.
        timings_ms: wall time per phase, and `total` since the request's head arrived.
    """

    request_id: str
    artifact: ReplyArtifact
    variant: str
    variant_quality: float | None
    skip_pattern: ExecutedPattern
    executed_blocks: int
    predicted_ms: float
    deadline_met: bool | None
    degraded: bool
    degraded_because: WhyLower | None
    timings_ms: dict[str, float]


class LikelyAnswer(_Said):
    """One of the answers to a question that are likeliest, with its score."""

    answer: str
    score: float


class QuestionReply(ServedReply):
    """The answer to one question about a picture: the likeliest, and `top_k` with their scores."""

    question: str
    answer: str
    score: float
    top_k: list[LikelyAnswer]


class CaptionReply(ServedReply):
    """A description of a picture."""

    caption: str


class StatementReply(ServedReply):
    """Whether a statement about two pictures is true, and the score of that."""

    statement: str
    answer: bool
    score: float


class _InSpace(ServedReply):
    """Something about vectors; those of two `vector_space`s must never be compared."""

    precision: str
    vector_space: str


class EmbedReply(_InSpace):
    """A picture or a text as a vector of length 1, `dimensions` numbers."""

    input: Literal["image", "text"]
    embedding: list[float]
    dimensions: int


class RankReply(_InSpace):
    """How well each fits the `query`: cosines as they were given, and places from the best on."""

    query: Literal["text", "image"]
    scores: list[float]
    order: list[int]


class VariantReply(_Said):
    """A variant as a server can offer it now; one that is not resident is not chosen.

    `predicted_ms` is that of an idle engine, `memory_mb` is in 10⁶ bytes.
    """

    task: str
    variant: str
    skip_pattern: ExecutedPattern
    executed_blocks: int
    keys: list[int]
    quality: float | None
    quality_precision: str | None
    predicted_ms: float
    memory_mb: float
    resident: bool


class KnownDomain(_Said):
    """What a model knows: what it was tuned on, and the words it has read."""

    about: str
    words: list[str]


class VariantsReply(_Said):
    """Everything a server can answer with."""

    model: str
    artifact_sha256: str
    domain: KnownDomain | None
    tasks: list[str]
    memory_budget_mb: float | None
    resident_keys: list[int]
    variants: list[VariantReply]


Kind = TypeVar("Kind", bound=BaseModel)


def read_reply(kind: type[Kind], body: Any) -> Kind:
    """Return a body as its kind.

    Raises:
        ReplyUnreadable: it is another.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise ReplyUnreadable(f"no answer of an otmv server: {where}: {first['msg']}") from error


def read_answers(kind: type[Kind], body: Any) -> list[Kind]:
    """Return the answers in a body, each with the request id and the artifact of the whole.

    Raises:
        ReplyUnreadable: it has none.
    """
    entries = body.get("answers") if isinstance(body, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ReplyUnreadable("no answer of an otmv server: answers: there are none")
    shared = {name: body.get(name) for name in ("request_id", "artifact")}
    return [
        read_reply(kind, entry | shared if isinstance(entry, dict) else entry) for entry in entries
    ]
