"""The public names, once; the package gives each when it is first used."""

from __future__ import annotations

from otmv_serve.async_client import AsyncOtmvClient
from otmv_serve.budget import RequestBudget
from otmv_serve.client import OtmvClient
from otmv_serve.errors import (
    DeadlineMissed,
    InvalidRequest,
    KeyRefused,
    NothingFits,
    OtmvError,
    ReplyUnreadable,
    RequestFailed,
    ServerBusy,
    ServerFailed,
    ServerUnreachable,
    VariantNotKnown,
)
from otmv_serve.questions import CaptionOptions, Image
from otmv_serve.replies import (
    CaptionReply,
    EmbedReply,
    ExecutedPattern,
    KnownDomain,
    LikelyAnswer,
    QuestionReply,
    RankReply,
    ReplyArtifact,
    ServedReply,
    StatementReply,
    VariantReply,
    VariantsReply,
    WhyLower,
)
from otmv_serve.retries import Retries

__all__ = [
    "AsyncOtmvClient",
    "CaptionOptions",
    "CaptionReply",
    "DeadlineMissed",
    "EmbedReply",
    "ExecutedPattern",
    "Image",
    "InvalidRequest",
    "KeyRefused",
    "KnownDomain",
    "LikelyAnswer",
    "NothingFits",
    "OtmvClient",
    "OtmvError",
    "QuestionReply",
    "RankReply",
    "ReplyArtifact",
    "ReplyUnreadable",
    "RequestBudget",
    "RequestFailed",
    "Retries",
    "ServedReply",
    "ServerBusy",
    "ServerFailed",
    "ServerUnreachable",
    "StatementReply",
    "VariantNotKnown",
    "VariantReply",
    "VariantsReply",
    "WhyLower",
]
