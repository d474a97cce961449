"""A small typed client for otmv-serve. Copy it; it needs only httpx.

with OtmvClient("http://127.0.0.1:8000") as client:
    answer = client.ask("picture.jpg", "what color is the circle?", Budget(max_latency_ms=50))
    print(answer.answer, answer.variant, answer.variant_quality)
    for piece in client.stream_caption("picture.jpg"):
        print(piece if isinstance(piece, str) else piece.variant)
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import httpx

Image = Path | str | bytes
"""A picture: a path, or its bytes."""


@dataclass(frozen=True)
class Budget:
    """What a request may cost; None means no limit."""

    max_latency_ms: float | None = None
    max_memory_mb: float | None = None
    min_quality: float | None = None
    variant: str | None = None
    on_miss: Literal["degrade", "reject"] | None = None
    min_on_time_probability: float | None = None

    def fields(self) -> dict[str, str]:
        """Return the limits that are set, as form fields."""
        values = dataclasses.asdict(self).items()
        return {name: str(value) for name, value in values if value is not None}


@dataclass(frozen=True)
class Degraded:
    """Why a lower variant was used: what the next better one was predicted to need, and had.

    `reason`: `time`, it would probably be late; `late`, so would any; `load`, others needed the
    engine.
    """

    reason: Literal["time", "late", "load"]
    variant: str
    predicted_ms: float
    left_ms: float | None


@dataclass(frozen=True)
class Served:
    """How an answer was computed: by what, how good that is, and where the time went (ms).

    `artifact` is the name of the artifact and the beginning of its hash.
    """

    request_id: str
    artifact: str
    variant: str
    variant_quality: float | None
    bits: str
    executed_blocks: int
    predicted_ms: float
    deadline_met: bool | None
    degraded_because: Degraded | None
    timings_ms: Mapping[str, float]

    @property
    def degraded(self) -> bool:
        """Whether a lower variant was used than the best within the hard limits."""
        return self.degraded_because is not None


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


@dataclass(frozen=True)
class Verdict(Served):
    """Whether a statement about two pictures is true, and the score of that answer."""

    statement: str
    answer: bool
    score: float


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
        self, image: Image, question: str, budget: Budget | None = None, top_k: int = 5
    ) -> Answer:
        """Ask one question about a picture.

        Raises:
            OtmvError: a subclass says what to do.
            httpx.TransportError: the server cannot be reached.
        """
        return self.ask_all(image, [question], budget, top_k)[0]

    def ask_all(
        self,
        image: Image,
        questions: Sequence[str],
        budget: Budget | None = None,
        top_k: int = 5,
    ) -> list[Answer]:
        """Ask several questions about one picture; answers come in the same order."""
        form: dict[str, str | list[str]] = {"question": list(questions), "top_k": str(top_k)}
        body = self._post("/v1/vqa", [image], form, budget)
        return [_answer(entry, body) for entry in body["answers"]]

    def caption(
        self,
        image: Image,
        budget: Budget | None = None,
        max_new_tokens: int | None = None,
        num_beams: int = 1,
    ) -> Caption:
        """Describe a picture."""
        form = _caption_form(max_new_tokens) | {"num_beams": str(num_beams)}
        return _caption(self._post("/v1/caption", [image], form, budget))

    def stream_caption(
        self, image: Image, budget: Budget | None = None, max_new_tokens: int | None = None
    ) -> Iterator[str | Caption]:
        """Describe a picture while it is read: pieces of text as they come, then the Caption.

        Leaving early (`close()` of the iterator, or its end) cancels the request on the server.

        Raises:
            OtmvError: also after the first pieces.
            httpx.TransportError: also if the stream breaks off.
        """
        form = _caption_form(max_new_tokens) | {"stream": "true"}
        with self._http.stream("POST", "/v1/caption", **_body([image], form, budget)) as response:
            if not response.is_success:
                response.read()
                _checked(response)
            for event, data in _events(response.iter_lines()):
                if event == "error":
                    raise _error(data["status"], data)
                yield data["text"] if event == "token" else _caption(data)

    def reason(
        self, left: Image, right: Image, statement: str, budget: Budget | None = None
    ) -> Verdict:
        """Ask whether a statement about two pictures is true."""
        body = self._post("/v1/reason", [left, right], {"statement": statement}, budget)
        (entry,) = body["answers"]
        return Verdict(
            **_served(entry, body),
            statement=entry["statement"],
            answer=entry["answer"],
            score=entry["score"],
        )

    def variants(self) -> list[dict[str, Any]]:
        """Return every variant as the server can offer it now."""
        found: list[dict[str, Any]] = _checked(self._http.get("/v1/variants"))["variants"]
        return found

    def _post(
        self,
        path: str,
        images: Sequence[Image],
        form: Mapping[str, str | list[str]],
        budget: Budget | None,
    ) -> dict[str, Any]:
        return _checked(self._http.post(path, **_body(images, form, budget)))


def _body(
    images: Sequence[Image], form: Mapping[str, str | list[str]], budget: Budget | None
) -> dict[str, Any]:
    read = (image if isinstance(image, bytes) else Path(image).read_bytes() for image in images)
    return {
        "files": [("image", ("image", data)) for data in read],
        "data": {**form, **(budget or Budget()).fields()},
    }


def _events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read server-sent events; this server's have a name and one line of JSON."""
    event = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def _checked(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = {"title": "not JSON", "detail": response.text[:200]}
    if response.is_success and isinstance(body, dict):
        return body
    raise _error(response.status_code, body)


def _error(status: int, problem: Mapping[str, Any]) -> OtmvError:
    kinds = {429: Busy, 503: Busy, 504: DeadlineMissed}
    fallback = InvalidRequest if 400 <= status < 500 else ServerFailed
    return kinds.get(status, fallback)(status, problem)


def _served(entry: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Read what every answer says of how it was computed, whatever the task."""
    same = ("variant", "variant_quality", "executed_blocks", "predicted_ms", "deadline_met")
    because = entry["degraded_because"]
    return {
        **{name: entry[name] for name in same},
        "request_id": body["request_id"],
        "artifact": "{name} {hash}".format(**body["artifact"]),
        "bits": entry["skip_pattern"]["bits"],
        "degraded_because": None if because is None else Degraded(**because),
        "timings_ms": entry["timings_ms"],
    }


def _caption_form(max_new_tokens: int | None) -> dict[str, str]:
    return {} if max_new_tokens is None else {"max_new_tokens": str(max_new_tokens)}


def _caption(body: Mapping[str, Any]) -> Caption:
    (entry,) = body["answers"]
    return Caption(**_served(entry, body), caption=entry["caption"])


def _answer(entry: Mapping[str, Any], body: Mapping[str, Any]) -> Answer:
    return Answer(
        **_served(entry, body),
        question=entry["question"],
        answer=entry["answer"],
        score=entry["score"],
        top_k=[(item["answer"], item["score"]) for item in entry["top_k"]],
    )
