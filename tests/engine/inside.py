"""What tests look at inside an open pool, in one place."""

from __future__ import annotations

from engine.loop.caption_rounds import CaptionRounds
from engine.loop.parts import LoopParts
from engine.pool import EnginePool
from engine.requests.request import Request
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.slots import Slots
from engine.wiring import Parts


def parts(pool: EnginePool) -> Parts:
    """Return the parts of an engine."""
    return pool._parts


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


def free_slots(pool: EnginePool) -> int:
    """Return how many slots are left for captions at admission."""
    return parts(pool).requests._free_slots


def running(pool: EnginePool) -> list[Request]:
    """Return the requests the engine's thread has taken in."""
    return list(parts(pool).executor.running.requests.values())
