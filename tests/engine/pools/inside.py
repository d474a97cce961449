"""What tests look at inside an open pool, in one place."""

from __future__ import annotations

from collections.abc import Callable

from engine.backends.arrays import AnyArray
from engine.loop.caption_rounds import CaptionRounds, RoundUnderWay
from engine.loop.executor import LoopParts
from engine.loop.idle.idle_time import IdleWork
from engine.pool import EnginePool
from engine.requests.request import Request
from engine.requests.routes import Router
from engine.residency.stages import StageSet
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.slots import Slots
from engine.wiring import Parts
from tests.engine.artifacts.tiny_model import Array


def parts(pool: EnginePool) -> Parts:
    """Return the parts of an engine."""
    return pool._parts


def open_requests(pool: EnginePool) -> list[Request]:
    """Return the requests that are open."""
    return [*parts(pool).requests._requests.values()]


def adapter_users(pool: EnginePool, place: int) -> int:
    """Return how many requests hold the adapter in a place."""
    return parts(pool).shelf._users[place]


def loop(pool: EnginePool) -> LoopParts:
    """Return what its thread works with."""
    return parts(pool).executor.parts


def captions(pool: EnginePool) -> CaptionRounds:
    """Return what writes captions."""
    found = loop(pool).captions
    assert found is not None
    return found


def runner(pool: EnginePool) -> RoundRunner:
    """Return what runs rounds of words."""
    return captions(pool).runner


def texts(pool: EnginePool) -> KvPool:
    """Return where keys and values of captions lie."""
    return runner(pool).pool


def slots(pool: EnginePool) -> Slots:
    """Return where hidden states lie."""
    return loop(pool).stepper.slots


def give_idle_work(pool: EnginePool, work: IdleWork) -> None:
    """Let the engine do this while it is idle."""
    executor = parts(pool).executor
    executor._idle_time._works.append(work)
    executor._idle_time._faults[work] = 0
    executor.wake()


def idle_works(pool: EnginePool) -> list[IdleWork]:
    """Return what the engine does while it is idle."""
    return parts(pool).executor._idle_time._works


def free_slots(pool: EnginePool) -> int:
    """Return how many slots are left for captions at admission."""
    return parts(pool).requests._free_slots


def running(pool: EnginePool) -> list[Request]:
    """Return the requests the engine's thread has taken in."""
    return list(parts(pool).executor.taken_in.requests.values())


def now_s(pool: EnginePool) -> float:
    """Return what the pool's clock says."""
    return pool._clock.now_s()


def stages(pool: EnginePool) -> StageSet:
    """Return the compiled stages."""
    return pool._stages


def has_seated_rows(pool: EnginePool) -> bool:
    """Tell whether any row still has a place among the hidden states."""
    return bool(slots(pool)._of)


def taken_slots(pool: EnginePool) -> int:
    """Return how many slots of keys and values are taken."""
    return texts(pool).taken


def stores(pool: EnginePool) -> dict[tuple[str, int, int], AnyArray]:
    """Return the arrays of keys and values, by their name and shape."""
    return texts(pool)._stores


def caption_in_slot(pool: EnginePool, slot: int) -> int:
    """Return the id of the request whose caption has a slot of keys and values."""
    holding = texts(pool)._holdings[slot]
    captions_running = ((r.id, r.row.caption) for r in running(pool))
    return next(i for i, row in captions_running if row is not None and row.holding is holding)


def round_put_aside(pool: EnginePool) -> RoundUnderWay | None:
    """Return the round of words that is put aside between two of its calls, if one is."""
    return captions(pool)._aside


def round_arrays(pool: EnginePool) -> dict[str, Array]:
    """Return the arrays that rounds of words read, one row for each slot."""
    rounds = runner(pool)
    return {"tokens": rounds._tokens, "h": rounds._h, "y": rounds._y}


def watch_round_calls(pool: EnginePool, before: Callable[[RoundUnderWay], None]) -> None:
    """Let `before` see each call of a round before it is made; each call is looked at by itself."""
    rounds = captions(pool)
    call, run = rounds._call, rounds.run

    def watched(current: RoundUnderWay) -> None:
        before(current)
        call(current)

    rounds._call = watched  # type: ignore[method-assign]
    rounds.run = lambda requests, _: run(requests, lambda: True)  # type: ignore[method-assign]


def router(pool: EnginePool) -> Router:
    """Return what makes routes."""
    return loop(pool).variants._router
