"""What a request may cost, in its body and in its headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engine.types import Budget, OnMiss
from server.errors import InvalidFields
from server.requests.fields import WHITE_SPACE, WireModel, from_texts

LIMIT_LATENCY_MS = 3_600_000.0
LIMIT_MEMORY_MB = 16_000_000.0


class BudgetFields(WireModel):
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
    min_on_time_probability: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="A request with an answer goes no deeper below this chance of being on time.",
    )


BUDGET_HEADER_PREFIX = "x-otmv-"
BUDGET_HEADERS = {
    f"{BUDGET_HEADER_PREFIX}{name.replace('_', '-')}": name for name in BudgetFields.model_fields
}
"""The field that each header gives."""


FIRST_TOKEN_HEADERS = ("x-slo-ttft-ms", "x-llm-d-slo-ttft-ms")
"""What routers and load generators send: time to the first token, ms; old name and new."""


def first_token_ms_from(headers: Mapping[str, str]) -> float | None:
    """Read the time to the first token that a request asks for; None: it names none.

    Raises:
        InvalidFields: it is no latency, or given twice with two values.
    """
    found: set[float | None] = set()
    for name, value in headers.items():
        if name in FIRST_TOKEN_HEADERS:
            values = {"max_latency_ms": value.strip(WHITE_SPACE)}
            found.add(from_texts(BudgetFields, values, {"max_latency_ms": name}).max_latency_ms)
    if len(found) > 1:
        raise InvalidFields.one(FIRST_TOKEN_HEADERS[0], "given twice, with two values")
    return found.pop() if found else None


def budget_from_headers(headers: Mapping[str, str]) -> BudgetFields:
    """Read the X-Otmv-* headers; an unknown one is refused, so that a typo is never ignored.

    Raises:
        InvalidFields: one is unknown, given twice, or out of range.
    """
    values: dict[str, str] = {}
    for name, value in headers.items():
        if not name.startswith(BUDGET_HEADER_PREFIX):
            continue
        if name not in BUDGET_HEADERS:
            known = ", ".join(sorted(BUDGET_HEADERS))
            raise InvalidFields.one(name, f"unknown header; known are {known}")
        if BUDGET_HEADERS[name] in values:
            raise InvalidFields.one(name, "given twice")
        values[BUDGET_HEADERS[name]] = value.strip(WHITE_SPACE)
    return from_texts(BudgetFields, values) if values else BudgetFields()


@dataclass(frozen=True)
class BudgetDefaults:
    """What holds where a request says nothing.

    `max_latency_ms` None: the engine's own default.
    """

    on_miss: OnMiss
    max_latency_ms: float | None = None

    def merged(
        self, body: BudgetFields, headers: BudgetFields, first_token_ms: float | None = None
    ) -> Budget:
        """Merge budgets field by field: the body wins over the headers, both over the defaults."""
        said = headers.model_dump(exclude_none=True) | body.model_dump(exclude_none=True)
        defaults = {"on_miss": self.on_miss, "max_latency_ms": self.max_latency_ms}
        return Budget(**(defaults | said), max_first_token_ms=first_token_ms)
