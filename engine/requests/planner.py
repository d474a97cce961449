"""Policy meets facts: what the loaded stages and the learned times offer right now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial

from artifact.task import TASKS, Task, TaskName
from engine.errors import NoVariantFits
from engine.requests.backlog import Backlog, OpenWork
from engine.requests.policy import Choice, choose, qualifying
from engine.requests.prediction import Predictor
from engine.residency.family import Family, Member
from engine.residency.stages import StageSet
from engine.rows.caption.stream import FIRST_WORDS
from engine.types import Budget, Offer

_Hard = tuple[TaskName, int, float | None, float | None, str | None, int]
"""What decides whether an offer fits, whatever the time: task, resident keys, budget, beams."""
_MOST_KNOWN = 64


class Planner:
    """Offers, and the variant for one request. Thread-safe: it only reads."""

    def __init__(
        self,
        family: Family,
        stages: StageSet,
        predictor: Predictor,
        open_work: OpenWork,
        max_batch: int,
    ) -> None:
        self._family = family
        self._stages = stages
        self._predictor = predictor
        self._open_work = open_work
        self._max_batch = max_batch
        self._bucket = family.manifest.buckets.text_lengths[-1]
        self._memory: dict[int, dict[tuple[TaskName, str], int]] = {}
        self._fitting: dict[_Hard, tuple[Offer, ...]] = {}
        self._fitting_by = predictor.means

    def offers(self, task: Task) -> tuple[Offer, ...]:
        """Return every variant of a task as it can be served now."""
        return tuple(self._offer(member) for member in self._family.of_task(task.name))

    def _offer(self, member: Member) -> Offer:
        resident = self._stages.resident_keys
        return Offer(
            task=member.task.name,
            variant=member.variant,
            executed=member.pattern.executed,
            bits=member.pattern.bits,
            keys=member.keys,
            quality=member.quality,
            predicted_s=self._predictor.service_s(member.task, member.variant, self._bucket, 1),
            memory_bytes=self._bytes(resident)[member.task.name, member.variant],
            resident=member.keys[-1] < resident,
            quality_precision=member.quality_precision,
        )

    def _bytes(self, resident: int) -> dict[tuple[TaskName, str], int]:
        """Bytes per variant, summed again only when keys come or go."""
        if resident not in self._memory:
            self._memory[resident] = {
                key: self._stages.variant_bytes(member)
                for key, member in self._family.members.items()
            }
        return self._memory[resident]

    def fitting(
        self, task: Task, budget: Budget, admitted: str | None = None, beams: int = 1
    ) -> tuple[Offer, ...]:
        """Return what meets the hard budgets now, best first; what is predicted may be older.

        `admitted` is kept if its key left since and nothing else fits. Each of a caption's `beams`
        has keys and values of its own.

        Raises:
            UnknownVariant, NoVariantFits: see `engine.requests.policy`.
        """
        hard = (
            task.name,
            self._stages.resident_keys,
            budget.max_memory_mb,
            budget.min_quality,
            budget.variant,
            beams,
        )
        known = self._known()
        if hard in known:
            return known[hard]
        found = self._fit(task, budget, admitted, beams)
        if admitted is None:
            if len(known) >= _MOST_KNOWN:
                known.clear()  # clients choose limits, so there may be any number of them
            known[hard] = found
        return found

    def _known(self) -> dict[_Hard, tuple[Offer, ...]]:
        """Return what is known by the latency profile that predicts now."""
        means = self._predictor.means
        if self._fitting_by is not means:
            self._fitting, self._fitting_by = {}, means
        return self._fitting

    def _fit(
        self, task: Task, budget: Budget, admitted: str | None, beams: int
    ) -> tuple[Offer, ...]:
        offers = self.offers(task)
        if beams > 1:
            offers = tuple(self._with_beams(offer, beams) for offer in offers)
        try:
            return qualifying(offers, budget)
        except NoVariantFits:
            if admitted is None:
                raise
            return tuple(offer for offer in offers if offer.variant == admitted)

    def _with_beams(self, offer: Offer, beams: int) -> Offer:
        own_bytes = self._family.member(offer.task, offer.variant).request_bytes
        return replace(offer, memory_bytes=offer.memory_bytes + (beams - 1) * own_bytes)

    def plan(
        self,
        fitting: Sequence[Offer],
        budget: Budget,
        slack_s: float,
        wait_s: float = 0.0,
        *,
        bucket: int | None = None,
        batch: int = 1,
        words: int | None = None,
        waits: bool = True,
    ) -> Choice:
        """Return the best of `fitting` that is in time.

        `waits`: its time is to hold waits for other rows too, at a high quantile. Else it is that
        of its own calls, as they are now: a refusal must not count waits twice, nor be in doubt.

        Raises:
            DeadlineUnattainable: see `engine.requests.policy`.
        """
        bucket = self._bucket if bucket is None else bucket
        timer = self._timer(TASKS[fitting[0].task], bucket, batch, words, waits)
        return choose(fitting, budget, slack_s, timer, wait_s)

    def written_within(
        self, fitting: Sequence[Offer], limit_s: float, words: int | None, beams: int
    ) -> tuple[Offer, ...]:
        """Return what writes all but the first words within a limit; the quickest, if none does.

        So where the first word is in time, the last one is.
        """
        task, level = TASKS[fitting[0].task], self._predictor.times.level

        def rest_s(offer: Offer) -> float:
            mean_s = partial(self._predictor.mean_s, task, offer.variant, self._bucket, beams)
            return (mean_s(words) - mean_s(FIRST_WORDS)) * level

        found = tuple(offer for offer in fitting if rest_s(offer) <= limit_s)
        return found or (min(fitting, key=rest_s),)

    def quickest(self, fitting: Sequence[Offer]) -> str:
        """Return the variant that takes least time."""
        timer = self._timer(TASKS[fitting[0].task], self._bucket, 1, None)
        return min(fitting, key=lambda offer: timer(offer.variant)).variant

    def _timer(
        self, task: Task, bucket: int, batch: int, words: int | None, waits: bool = True
    ) -> Callable[[str], float]:
        stretch = self._predictor.whole.high if waits else self._predictor.times.level
        return lambda variant: self._predictor.mean_s(task, variant, bucket, batch, words) * stretch

    def backlog(self, now: float, without: Collection[int] = ()) -> Backlog:
        """Return the work ahead that must be done: mean times at the batches such a queue fills."""
        self._predictor.refresh(now)

        def cost_s(task: Task, variant: str, bucket: int, count: int) -> float:
            batch = min(count, self._max_batch)
            mean_s = self._predictor.mean_s(task, variant, bucket or self._bucket, batch)
            return mean_s / batch * self._predictor.times.level

        return self._open_work(now, cost_s, without)

    def forget_load(self, now: float) -> bool:
        """Forget how slow requests were, if the last of them ended a while ago.

        Returns:
            Whether anything was forgotten.
        """
        return self._predictor.forget(now)
