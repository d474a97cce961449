"""From a request's values to a row: the last check before work begins."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from engine.elastic.course import Route
from engine.elastic.snapshot import RowView
from engine.errors import InvalidInput
from engine.loop.executor import PATIENCE_S
from engine.requests.answers import TRUTHS, Job
from engine.requests.open_requests import Place
from engine.requests.routes import Router
from engine.requests.variants import Steering
from engine.residency.family import Family
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.row import CaptionRow
from engine.rows.caption.stream import Listener
from engine.rows.pair import PairRow
from engine.rows.row import VqaRow
from engine.types import CaptionInput, Input, ReasonInput, Task, VqaInput

TASKS: dict[type[Input], Task] = {VqaInput: "vqa", CaptionInput: "caption", ReasonInput: "reason"}


PICTURES = 2
"""What a statement is about."""


class Intake:
    """Makes jobs. Thread-safe."""

    def __init__(
        self,
        family: Family,
        codec: TextCodec,
        router: Router,
        steering: Steering,
        pool: KvPool | None,
        max_beams: int,
    ) -> None:
        self._pool = pool
        self._max_beams = max_beams
        self._family = family
        self._codec = codec
        self._router = router
        self._steering = steering

    def check_question(self, question: str) -> int:
        """Refuse a question the model cannot read, before anything is spent on its picture.

        Returns:
            Its tokens, [BOS] and [EOS] counted.

        Raises:
            TextError: it is empty, or has more tokens than the model reads.
        """
        return len(self._codec.encode_question(question))

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        """Refuse a caption that cannot be written, before anything is spent on its picture.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        if max_new_tokens is not None and max_new_tokens < 1:
            raise InvalidInput("max_new_tokens", f"must be at least 1, not {max_new_tokens}")
        if not 1 <= num_beams <= self._max_beams:
            problem = f"must be 1 to {self._max_beams} (the rows of a batch), not {num_beams}"
            raise InvalidInput("num_beams", problem)

    def job(
        self, place: Place, request: Input, now: float, on_text: Callable[[str], None] | None
    ) -> Job:
        """Return the job of an admitted request.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        task = TASKS[type(request)]
        if place.ticket.task != task:
            raise InvalidInput("task", f"the ticket is for {place.ticket.task}, not {task}")
        if isinstance(request, CaptionInput):
            return self._caption(place, request, now, on_text)
        if isinstance(request, ReasonInput):
            return self._reason(place, request, now)
        return self._vqa(place, request, now)

    def _vqa(self, place: Place, request: VqaInput, now: float) -> Job:
        self._check_pixels(request.pixels)
        if request.top_k < 1:
            raise InvalidInput("top_k", f"must be at least 1, not {request.top_k}")
        tokens, bucket = self._tokens("question", request.question)
        route = self._steering.route(place, bucket)
        row = self._family.vqa_row(route.course.stops[-1].variant, request.pixels, tokens)
        return self._job(place, row, route, now, bucket, top_k=request.top_k)

    def _reason(self, place: Place, request: ReasonInput, now: float) -> Job:
        if len(request.pixels) != PICTURES:
            problem = f"must be {PICTURES}, left and right, not {len(request.pixels)}"
            raise InvalidInput("images", problem)
        for picture in request.pixels:
            self._check_pixels(picture)
        tokens, bucket = self._tokens("statement", request.statement)
        route = self._steering.route(place, bucket)
        row = self._family.pair_row(route.course.stops[-1].variant, request.pixels, tokens)
        return self._job(place, row, route, now, bucket, top_k=len(TRUTHS))

    def _caption(
        self,
        place: Place,
        request: CaptionInput,
        now: float,
        on_text: Callable[[str], None] | None,
    ) -> Job:
        words, beams = request.max_new_tokens, request.num_beams
        self._check_pixels(request.pixels)
        self.check_caption(words, beams)
        if beams > place.beams:
            raise InvalidInput("num_beams", f"is {beams}, but {place.beams} slots were admitted")
        if on_text is not None and beams > 1:
            raise InvalidInput("num_beams", "must be 1 for a text that is told as it grows")
        if self._pool is None:
            raise InvalidInput("task", "this artifact has no captions")
        route = self._steering.route(place, 0, words, beams)
        variant = route.course.stops[-1].variant
        row = self._family.caption_row(variant, request.pixels, self._pool, words, beams)
        job = self._job(place, row, route, now, 0, words=words)
        job.listener = None if on_text is None else Listener(on_text, self._codec.decode)
        return job

    def _tokens(self, field: str, text: str) -> tuple[list[int], int]:
        """Return the token ids of a text and its padded length."""
        try:
            tokens = self._codec.encode_question(text)
        except TextError as error:
            raise InvalidInput(field, str(error)) from error
        return tokens, self._family.text_bucket(len(tokens))

    def _job(
        self,
        place: Place,
        row: VqaRow | PairRow | CaptionRow,
        route: Route,
        now: float,
        bucket: int,
        *,
        words: int | None = None,
        top_k: int = 0,
    ) -> Job:
        ticket = place.ticket
        endless = math.isinf(ticket.deadline_s)
        deadline_s = now + PATIENCE_S if endless else ticket.deadline_s - place.reply_s
        view = RowView(ticket.id, route, deadline_s, place.expires_s)
        elastic = self._router.is_elastic(ticket.task)
        return Job(place, row, view, elastic, bucket, words, top_k, now)

    def _check_pixels(self, pixels: NDArray[Any]) -> None:
        side = self._family.manifest.config.image_size
        if pixels.dtype != np.uint8 or pixels.shape != (side, side, 3):
            problem = f"must be uint8 [{side}, {side}, 3], not {pixels.dtype} {pixels.shape}"
            raise InvalidInput("image", problem)
