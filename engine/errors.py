"""Errors of the engine, with the facts as typed fields. HTTP statuses live in the server.

EngineError
├── RequestError            the request itself
│   ├── UnknownVariant      no variant of that name
│   ├── UnknownAdapter      no adapter of that name is loaded
│   ├── InvalidInput        a value outside its range
│   └── NoVariantFits       no variant meets the hard budgets
├── CapacityError           not now
│   ├── QueueFull           every place is taken
│   ├── Draining            the server is going down
│   ├── EngineStopped       its thread has ended by a fault
│   └── NotReady            the server is not up yet
├── AdapterNotLoaded        an adapter for which there is no room, or no name
│   ├── AdapterLoaded       one of its name is loaded
│   ├── TooManyAdapters     every place is taken
│   └── AdapterBudgetTooSmall  the memory budget has no room for it
├── DeadlineError
│   ├── DeadlineUnattainable  predicted to miss, refused at once
│   └── DeadlineExpired       passed before the answer was ready
├── Cancelled               the caller left
└── BackendError
    ├── LoadFailed          a stage could not be loaded
    │   └── BudgetTooSmall  a memory budget holds no variant
    ├── InferenceFailed     a stage threw or gave non-finite numbers
    └── ParityFailed        a stage disagrees with the artifact's golden record
"""

from __future__ import annotations

from engine.types import Offer


class EngineError(Exception):
    """Root of everything the engine raises on purpose."""


class RequestError(EngineError):
    """The request cannot be served as written."""


class UnknownVariant(RequestError):
    """No variant of that name exists in the artifact."""

    def __init__(self, variant: str, known: tuple[str, ...]) -> None:
        self.variant = variant
        self.known = known
        super().__init__(f"unknown variant {variant!r}; use one of {', '.join(known)}")


class UnknownAdapter(RequestError):
    """No adapter of that name is loaded."""

    def __init__(self, adapter: str, known: tuple[str, ...]) -> None:
        self.adapter = adapter
        self.known = known
        there = f"loaded are {_few(known)}" if known else "none is loaded"
        super().__init__(f"unknown adapter {adapter[:64]!r}; {there}")


class InvalidInput(RequestError):
    """A value is outside its range."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class NoVariantFits(RequestError):
    """No variant meets the hard budgets; `nearest` is the one that misses them least."""

    def __init__(self, constraints: tuple[str, ...], nearest: Offer | None) -> None:
        self.constraints = constraints
        self.nearest = nearest
        wanted = ", ".join(constraints)
        offer = "no variant is offered" if nearest is None else f"nearest offer: {nearest.summary}"
        super().__init__(f"no variant meets {wanted}; {offer}")


class CapacityError(EngineError):
    """The engine cannot take the request now; a later try may succeed."""


class QueueFull(CapacityError):
    """Every queue place is taken, or too few of the captions' slots are free."""

    def __init__(self, limit: int, retry_after_s: float, captions: bool = False) -> None:
        self.limit = limit
        self.retry_after_s = retry_after_s
        what = "too few of" if captions else "none of"
        places = "caption slots are free" if captions else "queue places is free"
        super().__init__(f"{what} the {limit} {places}; retry in {retry_after_s:.0f} s")


class Draining(CapacityError):
    """The engine finishes what it has and takes nothing new."""

    def __init__(self) -> None:
        super().__init__("the server is shutting down; send the request to another one")


class EngineStopped(CapacityError):
    """The engine's thread has ended by a fault: nothing is answered until it is opened again."""

    def __init__(self) -> None:
        super().__init__("the engine has stopped by a fault; send the request again")


class NotReady(CapacityError):
    """The engine is not open, or closed already."""

    def __init__(self) -> None:
        super().__init__("the engine is not ready; wait until /readyz answers 200")


class AdapterNotLoaded(EngineError):
    """An adapter could not be loaded, through no fault of its own; nothing has changed."""


class AdapterLoaded(AdapterNotLoaded):
    """An adapter of that name is loaded."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"an adapter {name!r} is loaded already; drop it first")


class TooManyAdapters(AdapterNotLoaded):
    """Every place for an adapter is taken."""

    def __init__(self, places: int) -> None:
        self.places = places
        super().__init__(
            f"all {places} places for adapters are taken; drop one, or raise OTMV_ADAPTER_PLACES"
        )


class AdapterBudgetTooSmall(AdapterNotLoaded):
    """The memory budget has no room for an adapter beside the stages that are loaded."""

    def __init__(self, budget_bytes: int, needed_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self.needed_bytes = needed_bytes
        super().__init__(
            f"with this adapter {needed_bytes / 1e6:.1f} MB would be loaded, and the memory budget "
            f"is {budget_bytes / 1e6:.1f} MB; drop an adapter, or raise the budget"
        )


class DeadlineError(EngineError):
    """A latency budget under `reject` that cannot be, or was not, met."""


class DeadlineUnattainable(DeadlineError):
    """Even the fastest qualifying variant is predicted to finish too late."""

    def __init__(
        self, max_latency_ms: float, predicted_ms: float, variant: str, first_word: bool = False
    ) -> None:
        self.max_latency_ms = max_latency_ms
        self.predicted_ms = predicted_ms
        self.variant = variant
        limit = f"max_latency_ms {max_latency_ms:g}"
        if first_word:
            limit = f"a first word within {max_latency_ms:g} ms"
        super().__init__(
            f"{limit} cannot be met: the fastest qualifying variant, "
            f"{variant}, is predicted to take {predicted_ms:.1f} ms now; raise the budget, "
            "or use on_miss=degrade"
        )


class DeadlineExpired(DeadlineError):
    """The deadline (plus the grace under `degrade`) passed before the answer was ready."""

    def __init__(self, waited_s: float) -> None:
        self.waited_s = waited_s
        super().__init__(
            f"the deadline passed, {waited_s:.3f} s after arrival; "
            "raise max_latency_ms or retry when the load is lower"
        )


class Cancelled(EngineError):
    """The caller cancelled the request."""

    def __init__(self) -> None:
        super().__init__("the request was cancelled by its caller")


class BackendError(EngineError):
    """The runtime library, or what it computed."""


class LoadFailed(BackendError):
    """A stage could not be loaded."""

    def __init__(self, what: str, problem: str, fix: str) -> None:
        self.what = what
        self.problem = problem
        self.fix = fix
        super().__init__(f"{what}: {problem} ({fix})")


class BudgetTooSmall(LoadFailed):
    """A memory budget holds no variant: too few bytes for the first `keys` keys."""

    def __init__(self, budget_bytes: int, needed_bytes: int, keys: int) -> None:
        self.budget_bytes = budget_bytes
        self.needed_bytes = needed_bytes
        self.keys = keys
        first = "the first key" if keys == 1 else f"the first {keys} keys"
        problem = f"{budget_bytes / 1e6:.1f} MB hold not even {first}"
        fix = f"it needs at least {needed_bytes / 1e6:.1f} MB"
        super().__init__("memory budget", problem, fix)


class InferenceFailed(BackendError):
    """A stage threw, or its numbers were not finite."""

    def __init__(self, stage: str, problem: str) -> None:
        self.stage = stage
        self.problem = problem
        super().__init__(f"{stage}: {problem}")


class ParityFailed(BackendError):
    """A stage, or a task's quality, differs from the golden record by more than allowed."""

    def __init__(self, what: str, measured: float, limit: float, measure: str) -> None:
        self.what = what
        self.measured = measured
        self.limit = limit
        self.measure = measure
        super().__init__(
            f"{what}: {measure} {measured:.3g} exceeds {limit:.3g}; "
            "use another backend, or export the artifact again"
        )


_MOST_NAMED = 20


def _few(names: tuple[str, ...]) -> str:
    """Return names in one line, the first of them if there are many."""
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
