"""From a request's input to its row: the last check before work begins."""

from __future__ import annotations

from collections.abc import Callable
from math import isinf

from engine.elastic.snapshot import RowView
from engine.errors import InvalidInput
from engine.requests.policy import least_chance
from engine.requests.request import PATIENCE_S, Request
from engine.requests.routes import Router
from engine.requests.variants import VariantSetter
from engine.rows.caption.stream import TextStream
from engine.tasks import ENGINE_TASKS
from engine.tasks.caption import check_caption
from engine.tasks.context import CheckedInput, TaskContext
from engine.types import Input


class RowMaker:
    """Makes rows. Thread-safe."""

    def __init__(self, context: TaskContext, router: Router, variants: VariantSetter) -> None:
        self._context = context
        self._router = router
        self._variants = variants

    def check_text(self, text: str) -> int:
        """Refuse a text the model cannot read, before anything is spent on its picture.

        Returns:
            Its tokens, [BOS] and [EOS] counted.

        Raises:
            TextError: it is empty, or has more tokens than the model reads.
        """
        return len(self._context.codec.encode_question(text))

    def check_caption(self, max_new_tokens: int | None, num_beams: int) -> None:
        """Refuse a caption that cannot be written, before anything is spent on its picture.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        check_caption(max_new_tokens, num_beams, self._context.max_beams)

    def make(
        self, request: Request, given: Input, now: float, on_text: Callable[[str], None] | None
    ) -> None:
        """Give an admitted request its row, its route and what the answer is to be.

        Raises:
            InvalidInput: naming the field that is wrong.
        """
        name = request.task.name
        if given.task != name:
            raise InvalidInput("task", f"the request is for {name}, not {given.task}")
        task = ENGINE_TASKS[name]
        asked = task.read(given, self._context)
        _check_admitted(request, asked, on_text is not None)
        request.every_stop = asked.every_stop
        route = self._variants.route(request, asked.bucket, asked.words, asked.beams)
        member = self._context.family.member(name, route.course.stops[-1].variant)
        request.given = given
        request.row = task.row(given, asked, member.programs, self._context)
        if request.adapter is not None:
            request.row.adapt(request.adapter.place_for(name))
        due_s = now + PATIENCE_S if isinf(request.due_s) else request.due_s - request.reply_s
        strict = request.budget.on_miss == "reject"
        expires_s = min(request.expires_s, request.first_due_s) if strict else request.expires_s
        request.view = RowView(
            request.id, route, due_s, expires_s, least_chance=least_chance(request.budget)
        )
        request.elastic = self._router.is_elastic(request.task)
        request.text_bucket, request.words, request.top_k = asked.bucket, asked.words, asked.top_k
        request.submitted_s = now
        if on_text is not None:
            request.stream = TextStream(on_text, self._context.codec.decode)


def _check_admitted(request: Request, asked: CheckedInput, streamed: bool) -> None:
    beams = asked.beams
    if beams > request.beams:
        raise InvalidInput("num_beams", f"is {beams}, but {request.beams} slots were admitted")
    if streamed and beams > 1:
        raise InvalidInput("num_beams", "must be 1 for a text that is sent as it grows")
