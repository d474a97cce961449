"""The parts of one engine, put together (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

from artifact.store import Artifact
from engine.clock import Clock
from engine.config import EngineConfig
from engine.loop.caption_rounds import CaptionRounds
from engine.loop.executor import Done, Executor
from engine.loop.stepper import Stepper
from engine.opening.open import OpenedEngine
from engine.requests.admission import Admission
from engine.requests.answers import AnswerMaker
from engine.requests.open_requests import OpenRequests
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor
from engine.requests.routes import Router
from engine.requests.row_maker import RowMaker
from engine.requests.variants import VariantSetter
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.slots import Slots
from engine.tasks.context import TaskContext
from engine.telemetry import Telemetry

_ROUNDS_OPEN = 4
"""Unless configured: open captions may be this many times what one round takes."""


@dataclass(frozen=True)
class Parts:
    """One engine's parts; `texts`, `runner` and `captions` are None where no task writes."""

    requests: OpenRequests
    predictor: Predictor
    planner: Planner
    admission: Admission
    variants: VariantSetter
    row_maker: RowMaker
    answer_maker: AnswerMaker
    slots: Slots
    stepper: Stepper
    texts: KvPool | None
    runner: RoundRunner | None
    captions: CaptionRounds | None
    executor: Executor


def wire(
    artifact: Artifact,
    config: EngineConfig,
    opened: OpenedEngine,
    telemetry: Telemetry,
    clock: Clock,
    on_done: Done,
) -> Parts:
    """Put the parts of an opened engine together; nothing runs yet.

    Raises:
        LoadFailed: a device has no memory for keys and values.
    """
    manifest, family, stages = artifact.manifest, opened.family, opened.stages
    max_batch = max(config.max_batch, *(task.rows for task in manifest.asked))
    slots = config.caption_slots or _ROUNDS_OPEN * max_batch
    predictor = Predictor(opened.profile, family, max_batch)
    requests = OpenRequests(config.queue_limit, telemetry, slots)
    planner = Planner(family, stages, predictor, requests, max_batch)
    router = Router(family, predictor)
    variants = VariantSetter(family, router, planner, predictor, max_batch, telemetry)
    texts, runner = _texts(opened, slots, max_batch)
    captions = None if runner is None else CaptionRounds(runner, predictor, clock, telemetry)
    hidden = Slots(max_batch, manifest.config.width, opened.backend.memory)
    stepper = Stepper(stages, hidden, predictor, clock, telemetry)
    executor = Executor(
        stages,
        stepper,
        captions,
        variants,
        planner,
        predictor,
        max_batch,
        clock,
        telemetry,
        on_done,
        requests.free,
    )
    codec, max_beams = artifact.text_codec(), min(max_batch, slots)
    row_maker = RowMaker(TaskContext(family, codec, texts, max_beams), router, variants)
    labels = {task.name: artifact.labels_of(task) for task in manifest.asked}
    answer_maker = AnswerMaker(family, labels, codec.decode)
    admission = Admission(family, planner, requests, config, max_beams)
    return Parts(
        requests,
        predictor,
        planner,
        admission,
        variants,
        row_maker,
        answer_maker,
        hidden,
        stepper,
        texts,
        runner,
        captions,
        executor,
    )


def _texts(
    opened: OpenedEngine, slots: int, max_batch: int
) -> tuple[KvPool | None, RoundRunner | None]:
    """Return where keys and values of captions lie and what runs rounds, if a task writes."""
    family, stages, memory = opened.family, opened.stages, opened.backend.memory
    manifest = family.manifest
    writing = [task for task in manifest.asked if task.writes]
    if not writing:
        return None, None
    pool = KvPool(manifest.config, slots, family.cached_tokens, memory)
    sizes = [size for size in manifest.buckets.batches if size < max_batch]
    runner = RoundRunner(manifest, pool, (*sizes, max_batch), stages.run)
    if not memory.on_host:
        members = [member for task in writing for member in family.of_task(task.name)]
        runner.reserve(step for member in members for step in member.programs[-1].steps)
    return pool, runner
