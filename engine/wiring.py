"""The parts of one engine, put together (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.store import Artifact
from engine.clock import Clock
from engine.config import EngineConfig
from engine.loop.caption_rounds import Speaker
from engine.loop.executor import Done, Executor
from engine.loop.stepper import Stepper
from engine.opening.open import OpenedEngine
from engine.requests.admission import Admission
from engine.requests.answers import AnswerMaker
from engine.requests.open_requests import Ledger
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor
from engine.requests.routes import Router
from engine.requests.row_maker import Intake
from engine.requests.variants import Steering
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import Decoder
from engine.rows.slots import Slots
from engine.telemetry import Telemetry

_ROUNDS_OPEN = 4
"""Unless configured: open captions may be this many times what one round takes."""


@dataclass(frozen=True)
class Parts:
    """What the façade talks to."""

    ledger: Ledger
    planner: Planner
    admission: Admission
    intake: Intake
    maker: AnswerMaker
    executor: Executor


def wire(
    artifact: Artifact,
    config: EngineConfig,
    opened: OpenedEngine,
    telemetry: Telemetry,
    clock: Clock,
    on_done: Done,
) -> Parts:
    """Put the parts of an opened engine together; nothing runs yet."""
    manifest, family, stages = artifact.manifest, opened.family, opened.stages
    memory = opened.backend.memory
    max_batch = max(config.max_batch, 2 if "reason" in manifest.tasks else 1)
    texts = config.caption_slots or _ROUNDS_OPEN * max_batch
    predictor = Predictor(opened.profile, family, max_batch)
    ledger = Ledger(config.queue_limit, telemetry, texts)
    planner = Planner(family, stages, predictor, ledger, max_batch)
    router = Router(family, predictor)
    steering = Steering(family, router, planner, predictor, max_batch, telemetry)
    codec, kv, speaker = artifact.text_codec(), None, None
    if "caption" in manifest.tasks:
        kv = KvPool(manifest.config, texts, family.cached_tokens, memory)
        sizes = [size for size in manifest.buckets.batches if size < max_batch]
        decoder = Decoder(manifest, kv, (*sizes, max_batch), stages.run)
        if not memory.on_host:
            words = (member.programs[-1].steps for member in family.of_task("caption"))
            decoder.reserve(step for steps in words for step in steps)
        speaker = Speaker(decoder, predictor, clock, telemetry)
    slots = Slots(max_batch, manifest.config.width, memory)
    executor = Executor(
        stages,
        Stepper(stages, slots, predictor, clock, telemetry),
        speaker,
        steering,
        planner,
        predictor,
        max_batch,
        clock,
        telemetry,
        on_done,
        lambda job: ledger.free(job.place),
    )
    intake = Intake(family, codec, router, steering, kv, min(max_batch, texts))
    labels = artifact.labels() if "vqa" in manifest.tasks else ()
    maker = AnswerMaker(family, labels, codec.decode)
    admission = Admission(family, planner, ledger, intake, config)
    return Parts(ledger, planner, admission, intake, maker, executor)
