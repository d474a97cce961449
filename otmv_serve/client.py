"""The client for ordinary programs."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from typing import Any, Self, TypeVar, Unpack

import httpx

from otmv_serve.events import LAST_EVENT, EventReader, broken_off, read_event
from otmv_serve.questions import (
    CaptionOptions,
    Image,
    Limits,
    Sendable,
    description_of,
    order_of,
    questions_about,
    raw_request,
    statement_about,
    variants_served,
    vector_of_image,
    vectors_of_texts,
)
from otmv_serve.replies import (
    CaptionReply,
    EmbedReply,
    QuestionReply,
    RankReply,
    StatementReply,
    VariantsReply,
)
from otmv_serve.transport import FAILURES, Connected, Tries, body_of

_Found = TypeVar("_Found")


class OtmvClient(Connected[httpx.Client]):
    """Asks one server. Safe to share between threads; close it, or use it in a `with` block.

    with OtmvClient("http://127.0.0.1:8000") as client:
        reply = client.ask("picture.jpg", "what color is the circle?")
        print(reply.answer, reply.variant, reply.variant_quality)
    """

    _http_kind = httpx.Client

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended_by: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self, image: Image, question: str, budget: Limits = None, *, top_k: int = 5
    ) -> QuestionReply:
        """Ask one question about a picture.

        Raises:
            OtmvError: a subclass says what to do.
            OSError: the picture's file cannot be read.
        """
        return self.ask_all(image, [question], budget, top_k=top_k)[0]

    def ask_all(
        self, image: Image, questions: Sequence[str], budget: Limits = None, *, top_k: int = 5
    ) -> list[QuestionReply]:
        """Ask several questions about one picture; answers come in the same order."""
        return self._answer(questions_about(image, questions, budget, top_k))

    def caption(
        self, image: Image, budget: Limits = None, **options: Unpack[CaptionOptions]
    ) -> CaptionReply:
        """Describe a picture."""
        return self._answer(description_of(image, budget, **options))

    def stream_caption(
        self, image: Image, budget: Limits = None, *, max_new_tokens: int | None = None
    ) -> Generator[str | CaptionReply, None, None]:
        """Describe a picture while you read: pieces of text as they come, then the CaptionReply.

        Leaving early (`close()` of the iterator, or its end) cancels the request on the server.
        Once a piece has come, nothing is sent again.

        Raises:
            OtmvError: also after the first pieces.
        """
        asked = description_of(image, budget, max_new_tokens=max_new_tokens, stream=True)
        tries = Tries(self._retries, asked.max_latency_ms)
        while True:
            heard = False
            try:
                with closing(self._streamed(asked)) as pieces:
                    for piece in pieces:
                        heard = True
                        yield piece
                return
            except FAILURES as error:
                wait_s = tries.wait_s(error, begun=heard)
            time.sleep(wait_s)

    def reason(
        self, left: Image, right: Image, statement: str, budget: Limits = None
    ) -> StatementReply:
        """Ask whether a statement about two pictures is true."""
        return self._answer(statement_about(left, right, statement, budget))

    def embed_image(self, image: Image, budget: Limits = None) -> EmbedReply:
        """Turn a picture into a vector."""
        return self._answer(vector_of_image(image, budget))

    def embed_texts(self, texts: Sequence[str], budget: Limits = None) -> list[EmbedReply]:
        """Turn each of several texts into a vector, all of one variant."""
        return self._answer(vectors_of_texts(texts, budget))

    def rank_images(self, text: str, images: Sequence[Image], budget: Limits = None) -> RankReply:
        """Rank pictures by how well they fit a text."""
        return self._answer(order_of(images, [text], budget))

    def rank_texts(self, image: Image, texts: Sequence[str], budget: Limits = None) -> RankReply:
        """Rank texts by how well they fit a picture."""
        return self._answer(order_of([image], texts, budget))

    def variants(self) -> VariantsReply:
        """Ask what the server can answer with now."""
        return self._answer(variants_served())

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send JSON to a route that has no method here; return what the server says, as it is."""
        return self._answer(raw_request(path, body))

    def _answer(self, asked: Sendable[_Found]) -> _Found:
        asked = asked.through(self._adapter)
        tries = Tries(self._retries, asked.max_latency_ms)
        while True:
            try:
                response = self._http.request(asked.method, asked.path, **asked.sent)
                return asked.read(body_of(response))
            except FAILURES as error:
                wait_s = tries.wait_s(error)
            time.sleep(wait_s)

    def _streamed(self, asked: Sendable[CaptionReply]) -> Generator[str | CaptionReply, None, None]:
        asked = asked.through(self._adapter)
        reader = EventReader()
        with self._http.stream(asked.method, asked.path, **asked.sent) as response:
            if not response.is_success:
                response.read()
                body_of(response)
            for line in response.iter_lines():
                if (event := reader.take(line)) is not None:
                    yield read_event(event, asked.read)
                    if event[0] == LAST_EVENT:
                        return
        raise broken_off()
