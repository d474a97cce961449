"""A small typed client for otmv-serve. Copy it; it needs only httpx.

with OtmvClient("http://127.0.0.1:8000") as client:
    answer = client.ask("picture.jpg", "what color is the circle?", Budget(max_latency_ms=50))
    print(answer.answer, answer.variant, answer.quality)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx


@dataclass(frozen=True)
class Budget:
    """What a request may cost; None means no limit."""

    max_latency_ms: float | None = None
    max_memory_mb: float | None = None
    min_quality: float | None = None
    variant: str | None = None
    on_miss: Literal["degrade", "reject"] | None = None

    def fields(self) -> dict[str, str]:
        """Return the limits that are set, as form fields."""
        values = dataclasses.asdict(self).items()
        return {name: str(value) for name, value in values if value is not None}


@dataclass(frozen=True)
class Served:
    """How an answer was computed: the variant, its quality, and where the time went (ms)."""

    variant: str
    bits: str
    executed_blocks: int
    quality: float | None
    predicted_ms: float
    deadline_met: bool | None
    degraded: bool
    timings_ms: Mapping[str, float]
    request_id: str


@dataclass(frozen=True)
class Answer(Served):
    """The answer to one question, with its score and the runners-up."""

    question: str
    answer: str
    score: float
    top_k: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Caption(Served):
    """A description of a picture."""

    caption: str


class OtmvError(Exception):
    """The server refused or failed; the fields are those of its problem+json."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.type = str(problem.get("type", "about:blank"))
        self.title = str(problem.get("title", "error"))
        self.detail = str(problem.get("detail", ""))
        self.request_id = problem.get("request_id")
        self.problem = problem
        super().__init__(f"{self.title}: {self.detail}")


class InvalidRequest(OtmvError):
    """The request must be changed (4xx)."""


class Busy(OtmvError):
    """Every place is taken (429) or the server is not taking requests (503); try again later."""

    @property
    def retry_after_s(self) -> float:
        """Return how long to wait before the next try."""
        return float(self.problem.get("retry_after_s", 1.0))


class DeadlineMissed(OtmvError):
    """The latency budget could not be met (504)."""


class ServerFailed(OtmvError):
    """The server failed (500); quote `request_id` when reporting it."""


class OtmvClient:
    """Asks one server. Safe to share between threads; close it, or use it in a `with` block."""

    def __init__(
        self, url: str = "http://127.0.0.1:8000", timeout_s: float = 60.0, **httpx_options: Any
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout_s, **httpx_options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self, image: Path | str | bytes, question: str, budget: Budget | None = None, top_k: int = 5
    ) -> Answer:
        """Ask one question about a picture (a path, or its bytes).

        Raises:
            OtmvError: a subclass says what to do.
            httpx.TransportError: the server cannot be reached.
        """
        return self.ask_all(image, [question], budget, top_k)[0]

    def ask_all(
        self,
        image: Path | str | bytes,
        questions: Sequence[str],
        budget: Budget | None = None,
        top_k: int = 5,
    ) -> list[Answer]:
        """Ask several questions about one picture; answers come in the same order."""
        form: dict[str, str | list[str]] = {"question": list(questions), "top_k": str(top_k)}
        body = self._post("/v1/vqa", image, form, budget)
        return [_answer(entry, body["request_id"]) for entry in body["answers"]]

    def caption(
        self,
        image: Path | str | bytes,
        budget: Budget | None = None,
        max_new_tokens: int | None = None,
    ) -> Caption:
        """Describe a picture."""
        form = {} if max_new_tokens is None else {"max_new_tokens": str(max_new_tokens)}
        body = self._post("/v1/caption", image, form, budget)
        return Caption(**_served(body, body["request_id"]), caption=body["caption"])

    def variants(self) -> list[dict[str, Any]]:
        """Return every variant as the server can offer it now."""
        found: list[dict[str, Any]] = _checked(self._http.get("/v1/variants"))["variants"]
        return found

    def _post(
        self,
        path: str,
        image: Path | str | bytes,
        form: Mapping[str, str | list[str]],
        budget: Budget | None,
    ) -> dict[str, Any]:
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        fields = {**form, **(budget or Budget()).fields()}
        return _checked(self._http.post(path, files={"image": ("image", data)}, data=fields))


def _checked(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = {"title": "not JSON", "detail": response.text[:200]}
    if response.is_success and isinstance(body, dict):
        return body
    kinds = {429: Busy, 503: Busy, 504: DeadlineMissed}
    fallback = InvalidRequest if response.is_client_error else ServerFailed
    raise kinds.get(response.status_code, fallback)(response.status_code, body)


def _served(body: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    same = ("variant", "executed_blocks", "quality", "predicted_ms", "deadline_met", "degraded")
    return {
        **{name: body[name] for name in same},
        "bits": body["skip_pattern"]["bits"],
        "timings_ms": body["timings_ms"],
        "request_id": request_id,
    }


def _answer(entry: Mapping[str, Any], request_id: str) -> Answer:
    return Answer(
        **_served(entry, request_id),
        question=entry["question"],
        answer=entry["answer"],
        score=entry["score"],
        top_k=[(item["answer"], item["score"]) for item in entry["top_k"]],
    )
