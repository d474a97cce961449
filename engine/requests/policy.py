"""Which variant a request gets (ADR 0014). Pure: facts in, a choice or a typed error out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.errors import DeadlineUnattainable, InvalidInput, NoVariantFits, UnknownVariant
from engine.types import Budget, Degraded, DegradedReason, Offer

_BYTES_PER_MB = 1e6

STRICT_CHANCE = 0.99
"""The least chance of being on time of a request under `reject` that names none."""


@dataclass(frozen=True)
class Choice:
    """A variant, and why.

    `service_s` is its predicted time from first step to answer. `degraded_because`: why it is not
    the best qualifying one. `lost`: it is predicted to miss the deadline all the same.
    """

    variant: str
    service_s: float
    degraded_because: Degraded | None
    lost: bool

    @property
    def degraded(self) -> bool:
        """Whether it is not the best qualifying one."""
        return self.degraded_because is not None


def check_budget(budget: Budget) -> None:
    """Refuse numbers that mean nothing.

    Raises:
        InvalidInput: for NaN, infinite, zero or negative limits, a quality above 1, or a chance
            that is no share of 1.
    """
    for field in ("max_latency_ms", "max_first_token_ms", "max_memory_mb", "min_quality"):
        value = getattr(budget, field)
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InvalidInput(field, f"must be a positive finite number, not {value}")
    if budget.min_quality is not None and budget.min_quality > 1:
        raise InvalidInput("min_quality", f"is a share of 1, not {budget.min_quality}")
    _check_chance(budget.min_on_time_probability)
    if budget.on_miss not in ("degrade", "reject"):
        raise InvalidInput("on_miss", f"must be degrade or reject, not {budget.on_miss!r}")


def _check_chance(chance: float | None) -> None:
    if chance is not None and not 0 <= chance <= 1:
        raise InvalidInput("min_on_time_probability", f"is a share from 0 to 1, not {chance}")


def least_chance(budget: Budget) -> float | None:
    """Return the chance of being on time that a request with an answer never goes below."""
    if budget.min_on_time_probability is None and budget.on_miss == "reject":
        return STRICT_CHANCE
    return budget.min_on_time_probability


def qualifying(offers: Sequence[Offer], budget: Budget) -> tuple[Offer, ...]:
    """Return the resident offers of one task that meet the hard budgets, best first.

    Of several that are equally good the first offered stays first: the manifest's order. So where
    no quality was measured, the first of the deepest variants is the best.

    Raises:
        UnknownVariant: if the budget names a variant that does not exist.
        NoVariantFits: if none meets them; it names the nearest resident offer.
    """
    known = tuple(offer.variant for offer in offers)
    if budget.variant is not None and budget.variant not in known:
        raise UnknownVariant(budget.variant, known)
    resident = [offer for offer in offers if offer.resident]
    fitting = [offer for offer in resident if distance(offer, budget) == 0]
    if not fitting:
        raise NoVariantFits(_constraints(budget), nearest(resident, budget))
    return tuple(sorted(fitting, key=preference, reverse=True))


def preference(offer: Offer) -> tuple[float, int]:
    """Return the order of "best": measured quality, then executed orders."""
    return (-math.inf if offer.quality is None else offer.quality, len(offer.executed))


def distance(offer: Offer, budget: Budget) -> float:
    """Return by what share of a limit an offer misses the hard budgets at worst; 0: it fits.

    An unmeasured quality, and another variant than the one named, miss infinitely.
    """
    memory = quality = 0.0
    if budget.max_memory_mb is not None:
        memory = offer.memory_bytes / (budget.max_memory_mb * _BYTES_PER_MB) - 1
    if budget.min_quality is not None:
        reached = -math.inf if offer.quality is None else offer.quality
        quality = 1 - reached / budget.min_quality
    named = budget.variant in (None, offer.variant)
    return max(memory, quality, 0.0) if named else math.inf


def nearest(offers: Iterable[Offer], budget: Budget) -> Offer | None:
    """Return the offer that misses the hard budgets by the least share; ties: the best one.

    A named variant that is not resident has no offer: then the budget's other limits decide.
    """
    candidates = list(offers)
    if budget.variant in {offer.variant for offer in candidates}:
        candidates = [offer for offer in candidates if offer.variant == budget.variant]
    limits = Budget(max_memory_mb=budget.max_memory_mb, min_quality=budget.min_quality)
    ranked = sorted(candidates, key=preference, reverse=True)
    return min(ranked, key=lambda offer: distance(offer, limits), default=None)


def choose(
    fitting: Sequence[Offer],
    budget: Budget,
    slack_s: float,
    service_s: Callable[[str], float],
    wait_s: float = 0.0,
) -> Choice:
    """Return the best qualifying variant that finishes within the slack.

    `fitting` is `qualifying`'s result; `slack_s` is deadline − now (infinite without a deadline);
    `service_s` predicts a variant's seconds from first step to answer; `wait_s` are the seconds
    before that first step. If none finishes: the fastest, marked lost, under `degrade`.

    Raises:
        DeadlineUnattainable: under `reject`, if not even the fastest finishes.
    """

    def because(place: int, reason: DegradedReason) -> Degraded | None:
        if not place:
            return None
        better = fitting[place - 1].variant
        left_s = None if math.isinf(slack_s) else slack_s
        return Degraded(reason, better, wait_s + service_s(better), left_s)

    for place, offer in enumerate(fitting):
        needed_s = service_s(offer.variant)
        if wait_s + needed_s <= slack_s:
            return Choice(offer.variant, needed_s, because(place, "time"), lost=False)
    place = min(range(len(fitting)), key=lambda each: service_s(fitting[each].variant))
    fastest = fitting[place]
    needed_s = service_s(fastest.variant)
    if budget.on_miss == "reject":
        # Time already gone counts against the budget, so it is shown as part of the prediction.
        asked_ms = budget.max_latency_ms or budget.max_first_token_ms
        limit_ms = slack_s * 1e3 if asked_ms is None else asked_ms
        spent_ms = max(limit_ms - slack_s * 1e3, 0.0)
        predicted_ms = spent_ms + (wait_s + needed_s) * 1e3
        first_word = budget.max_latency_ms is None and budget.max_first_token_ms is not None
        raise DeadlineUnattainable(limit_ms, predicted_ms, fastest.variant, first_word)
    return Choice(fastest.variant, needed_s, because(place, "late"), lost=True)


def _constraints(budget: Budget) -> tuple[str, ...]:
    named = (
        ("max_memory_mb", budget.max_memory_mb),
        ("min_quality", budget.min_quality),
        ("variant", budget.variant),
    )
    found = tuple(f"{field} {value}" for field, value in named if value is not None)
    return found or ("the server's memory budget",)


def expires_s(deadline_s: float, reject: bool, grace_s: float, reply_s: float = 0.0) -> float:
    """Return when work on a request stops; never without a deadline.

    Its grace is over when its reply is written, so the work stops before that by twice what a
    reply is predicted to take, but not before the deadline.
    """
    if math.isinf(deadline_s) or reject:
        return deadline_s
    return deadline_s + max(grace_s - 2 * reply_s, 0.0)
