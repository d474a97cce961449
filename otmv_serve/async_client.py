"""The same client for programs with an event loop. What OtmvClient says of a method holds here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
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


class AsyncOtmvClient(Connected[httpx.AsyncClient]):
    """Asks one server from one event loop; close it, or use it in an `async with` block.

    async with AsyncOtmvClient("http://127.0.0.1:8000") as client:
        replies = await asyncio.gather(*(client.caption(picture) for picture in pictures))
    """

    _http_kind = httpx.AsyncClient

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended_by: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(
        self, image: Image, question: str, budget: Limits = None, *, top_k: int = 5
    ) -> QuestionReply:
        """Ask one question about a picture."""
        return (await self.ask_all(image, [question], budget, top_k=top_k))[0]

    async def ask_all(
        self, image: Image, questions: Sequence[str], budget: Limits = None, *, top_k: int = 5
    ) -> list[QuestionReply]:
        """Ask several questions about one picture; answers come in the same order."""
        asked = await asyncio.to_thread(questions_about, image, questions, budget, top_k)
        return await self._answer(asked)

    async def caption(
        self, image: Image, budget: Limits = None, **options: Unpack[CaptionOptions]
    ) -> CaptionReply:
        """Describe a picture."""
        asked = await asyncio.to_thread(description_of, image, budget, **options)
        return await self._answer(asked)

    async def stream_caption(
        self, image: Image, budget: Limits = None, *, max_new_tokens: int | None = None
    ) -> AsyncGenerator[str | CaptionReply, None]:
        """Describe a picture while you read: pieces of text as they come, then the CaptionReply.

        Leaving early (`aclose()` of the iterator, or its end) cancels the request on the server.
        """
        asked = await asyncio.to_thread(
            description_of, image, budget, max_new_tokens=max_new_tokens, stream=True
        )
        tries = Tries(self._retries, asked.max_latency_ms)
        while True:
            heard = False
            try:
                async with aclosing(self._streamed(asked)) as pieces:
                    async for piece in pieces:
                        heard = True
                        yield piece
                return
            except FAILURES as error:
                wait_s = tries.wait_s(error, begun=heard)
            await asyncio.sleep(wait_s)

    async def reason(
        self, left: Image, right: Image, statement: str, budget: Limits = None
    ) -> StatementReply:
        """Ask whether a statement about two pictures is true."""
        return await self._answer(
            await asyncio.to_thread(statement_about, left, right, statement, budget)
        )

    async def embed_image(self, image: Image, budget: Limits = None) -> EmbedReply:
        """Turn a picture into a vector."""
        return await self._answer(await asyncio.to_thread(vector_of_image, image, budget))

    async def embed_texts(self, texts: Sequence[str], budget: Limits = None) -> list[EmbedReply]:
        """Turn each of several texts into a vector, all of one variant."""
        return await self._answer(await asyncio.to_thread(vectors_of_texts, texts, budget))

    async def rank_images(
        self, text: str, images: Sequence[Image], budget: Limits = None
    ) -> RankReply:
        """Rank pictures by how well they fit a text."""
        return await self._answer(await asyncio.to_thread(order_of, images, [text], budget))

    async def rank_texts(
        self, image: Image, texts: Sequence[str], budget: Limits = None
    ) -> RankReply:
        """Rank texts by how well they fit a picture."""
        return await self._answer(await asyncio.to_thread(order_of, [image], texts, budget))

    async def variants(self) -> VariantsReply:
        """Ask what the server can answer with now."""
        return await self._answer(variants_served())

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send JSON to a route that has no method here; return what the server says, as it is."""
        return await self._answer(raw_request(path, body))

    async def _answer(self, asked: Sendable[_Found]) -> _Found:
        asked = asked.through(self._adapter)
        tries = Tries(self._retries, asked.max_latency_ms)
        while True:
            try:
                response = await self._http.request(asked.method, asked.path, **asked.sent)
                return asked.read(body_of(response))
            except FAILURES as error:
                wait_s = tries.wait_s(error)
            await asyncio.sleep(wait_s)

    async def _streamed(
        self, asked: Sendable[CaptionReply]
    ) -> AsyncGenerator[str | CaptionReply, None]:
        asked = asked.through(self._adapter)
        reader = EventReader()
        async with self._http.stream(asked.method, asked.path, **asked.sent) as response:
            if not response.is_success:
                await response.aread()
                body_of(response)
            async for line in response.aiter_lines():
                if (event := reader.take(line)) is not None:
                    yield read_event(event, asked.read)
                    if event[0] == LAST_EVENT:
                        return
        raise broken_off()
