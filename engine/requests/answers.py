"""The answer made of a finished request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from artifact.config import Precision
from artifact.task import TaskName
from engine.requests.request import Request
from engine.residency.family import Family, Member
from engine.types import Answer


class AnswerMaker:
    """Turns a finished request into an Answer. Thread-safe.

    Args:
        family: of the artifact.
        labels: what the logits of each task say.
        decode: words to text.
    """

    def __init__(
        self,
        family: Family,
        labels: Mapping[TaskName, Sequence[str]],
        decode: Callable[[list[int]], str],
    ) -> None:
        self._family = family
        self._labels = labels
        self._decode = decode

    def make(self, request: Request, now: float) -> Answer:
        """Return the answer of a finished request; `now` is its end.

        Raises:
            ValueError: its head has not run.
        """
        task = request.task.name
        member = self._family.member(task, request.variant)
        queue_s = now - request.submitted_s - sum(request.phases_s.values())
        caption = request.row.caption
        words = [] if caption is None else caption.words
        labels: tuple[tuple[str, float], ...] = ()
        vectors: dict[str, NDArray[np.float32]] = {}
        if request.task.embeds:
            vectors = self._by_variant(request.row.vectors, member)
        elif caption is None:
            labels = best_labels(request.row.logits, self._labels[task], request.top_k)
        return Answer(
            task=task,
            variant=member.variant,
            executed=member.pattern.executed,
            bits=member.pattern.bits,
            executed_blocks=member.pattern.depth,
            quality=_quality(request, member, self._family.precision),
            predicted_s=request.answer_s,
            deadline_met=_in_time(request, now),
            degraded_because=request.degraded_because,
            labels=labels,
            text=None if caption is None else self._decode(words),
            text_tokens=len(words),
            cut_off=request.words is not None and len(words) >= request.words,
            vectors=vectors,
            precision=self._family.precision,
            phases_s={"queue": max(queue_s, 0.0), **request.phases_s},
            adapter=None if request.adapter is None else request.adapter.name,
        )

    def _by_variant(
        self, of_stops: Mapping[int, NDArray[np.float32]], member: Member
    ) -> dict[str, NDArray[np.float32]]:
        """Return a row's vectors by the variants that its stops are; its own, `member`, last."""
        executed, family = member.pattern.executed, self._family.of_task(member.task.name)
        passed = {each.pattern.executed: each.variant for each in family}
        *stops, last = sorted(of_stops)
        found = {passed[executed[:blocks]]: of_stops[blocks] for blocks in stops}
        return found | {member.variant: of_stops[last]}


def _in_time(request: Request, now: float) -> bool | None:
    """Tell whether an answer came by its deadline and, of a stream, its first word; None: neither
    had one.
    """
    if request.first_word_late:
        return False
    limited = request.has_deadline or request.budget.max_first_token_ms is not None
    return now <= request.due_s if limited else None


def _quality(request: Request, member: Member, precision: Precision) -> float | None:
    """Return the variant's quality, with the request's adapter if that was tuned for the task."""
    task, lease = request.task.name, request.adapter
    if lease is None or not lease.place_for(task):
        return member.quality
    record, executed = lease.adapter.record, member.pattern.executed
    found = record.quality_of(executed, task, precision)
    return record.quality_of(executed, task, "fp32") if found is None else found


def best_labels(
    logits: NDArray[np.float32] | None, labels: Sequence[str], top_k: int
) -> tuple[tuple[str, float], ...]:
    """Return the best `top_k` labels of logits [V] with their softmax scores (fp64), best first.

    Raises:
        ValueError: there are no logits.
    """
    if logits is None:
        raise ValueError("the head has not run")
    exact = np.asarray(logits, np.float64)
    scores = np.exp(exact - exact.max())
    scores /= scores.sum()
    few = min(top_k, len(scores))
    best = np.argpartition(-scores, few - 1)[:few]
    best = best[np.lexsort((best, -scores[best]))]
    return tuple((labels[i], float(scores[i])) for i in best)
