"""From a request's values to a row: the last check before work begins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from artifact.errors import TextError
from artifact.preprocess import TextCodec
from engine.caption_row import CaptionRow
from engine.elastic.course import Route
from engine.elastic.snapshot import RowView
from engine.errors import InvalidInput
from engine.executor import PATIENCE_S
from engine.family import Family
from engine.jobs import Job
from engine.ledger import Place
from engine.routing import Router
from engine.rows import VqaRow
from engine.steering import Steering
from engine.types import CaptionInput, VqaInput


class Intake:
    """Makes jobs. Thread-safe."""

    def __init__(
        self, family: Family, codec: TextCodec, router: Router, steering: Steering
    ) -> None:
        self._family = family
        self._codec = codec
        self._router = router
        self._steering = steering

    def check_question(self, question: str) -> None:
        """Refuse a question the model cannot read, before anything is spent on its picture.

        Raises:
            TextError: it is empty, or has more tokens than the model reads.
        """
        self._codec.encode_question(question)

    def job(self, place: Place, request: VqaInput | CaptionInput, now: float) -> Job:
        """Return the job of an admitted request.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        self._check_pixels(request.pixels)
        task: str = "vqa" if isinstance(request, VqaInput) else "caption"
        if place.ticket.task != task:
            raise InvalidInput("task", f"the ticket is for {place.ticket.task}, not {task}")
        if isinstance(request, CaptionInput):
            return self._caption(place, request, now)
        return self._vqa(place, request, now)

    def _vqa(self, place: Place, request: VqaInput, now: float) -> Job:
        if request.top_k < 1:
            raise InvalidInput("top_k", f"must be at least 1, not {request.top_k}")
        try:
            tokens = self._codec.encode_question(request.question)
        except TextError as error:
            raise InvalidInput("question", str(error)) from error
        bucket = self._family.text_bucket(len(tokens))
        route = self._steering.route(place, bucket, None)
        row = self._family.vqa_row(route.course.stops[-1].variant, request.pixels, tokens)
        return self._job(place, row, route, bucket, None, request.top_k, now)

    def _caption(self, place: Place, request: CaptionInput, now: float) -> Job:
        words = request.max_new_tokens
        if words is not None and words < 1:
            raise InvalidInput("max_new_tokens", f"must be at least 1, not {words}")
        bucket = self._family.manifest.buckets.text_lengths[-1]
        route = self._steering.route(place, bucket, words)
        row = self._family.caption_row(route.course.stops[-1].variant, request.pixels, words)
        return self._job(place, row, route, bucket, words, 0, now)

    def _job(
        self,
        place: Place,
        row: VqaRow | CaptionRow,
        route: Route,
        bucket: int,
        words: int | None,
        top_k: int,
        now: float,
    ) -> Job:
        ticket = place.ticket
        deadline_s = now + PATIENCE_S if math.isinf(ticket.deadline_s) else ticket.deadline_s
        view = RowView(ticket.id, route, deadline_s, place.expires_s)
        elastic = self._router.is_elastic(ticket.task)
        return Job(place, row, view, elastic, bucket, words, top_k, now)

    def _check_pixels(self, pixels: NDArray[Any]) -> None:
        side = self._family.manifest.config.image_size
        if pixels.dtype != np.uint8 or pixels.shape != (side, side, 3):
            problem = f"must be uint8 [{side}, {side}, 3], not {pixels.dtype} {pixels.shape}"
            raise InvalidInput("image", problem)
