"""The parts of one engine, put together (docs/architecture.md)."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial

from artifact.store import Artifact
from engine.clock import Clock
from engine.config import EngineConfig
from engine.elastic.price import price
from engine.elastic.snapshot import Snapshot
from engine.loop.caption_rounds import CaptionRounds
from engine.loop.executor import Executor, LoopParts
from engine.loop.idle.audit import Audit
from engine.loop.idle.idle_time import IdleWork
from engine.loop.idle.profile_retake import ProfileRetake
from engine.loop.stepper import Stepper
from engine.opening.latency import profile_of, save_profile
from engine.opening.measurement import Measurement, profile_points
from engine.opening.open import OpenedEngine
from engine.opening.scoring import SoloAnswers
from engine.opening.solo import Solo
from engine.requests.admission import Admission
from engine.requests.answers import AnswerMaker
from engine.requests.audit_sample import AuditSample
from engine.requests.endings import Endings
from engine.requests.open_requests import OpenRequests
from engine.requests.planner import Planner
from engine.requests.prediction import Predictor
from engine.requests.routes import Router
from engine.requests.row_maker import RowMaker
from engine.requests.variants import VariantSetter
from engine.residency.adapters.shelf import AdapterShelf
from engine.rows.caption.kv_pool import KvPool
from engine.rows.caption.rounds import RoundRunner
from engine.rows.slots import Slots
from engine.tasks.context import TaskContext
from engine.telemetry import Telemetry
from engine.types import Input

_ROUNDS_OPEN = 4
"""Unless configured: open captions may be this many times what one round takes."""


@dataclass(frozen=True)
class Parts:
    """What the pool talks to."""

    requests: OpenRequests
    planner: Planner
    admission: Admission
    row_maker: RowMaker
    endings: Endings
    executor: Executor
    retake: ProfileRetake
    shelf: AdapterShelf
    price: Callable[[], float]


def wire(
    artifact: Artifact,
    config: EngineConfig,
    opened: OpenedEngine,
    telemetry: Telemetry,
    clock: Clock,
) -> Parts:
    """Put the parts of an opened engine together; nothing runs yet.

    Raises:
        LoadFailed: a device has no memory for keys and values.
    """
    manifest, family, stages = artifact.manifest, opened.family, opened.stages
    max_batch = max(config.max_batch, *(task.rows for task in manifest.asked))
    caption_slots = config.caption_slots or _ROUNDS_OPEN * max_batch
    predictor = Predictor(opened.profile, family, max_batch)
    requests = OpenRequests(config.queue_limit, telemetry, caption_slots)
    planner = Planner(family, stages, predictor, requests.backlog, max_batch)
    router = Router(family, predictor)
    variants = VariantSetter(family, router, planner, predictor, max_batch, telemetry)
    texts, runner = _texts(opened, caption_slots, max_batch)
    slots = Slots(max_batch, manifest.config.width, opened.backend.memory)
    codec, max_beams = artifact.text_codec(), min(max_batch, caption_slots)
    labels = {task.name: artifact.labels_of(task) for task in manifest.asked}
    sample = AuditSample(config.audit_share, manifest.deepest)
    answer_maker = AnswerMaker(family, labels, codec.decode)
    endings = Endings(requests, answer_maker, sample, telemetry)
    loop = LoopParts(
        stages,
        Stepper(stages, slots, predictor, clock, telemetry, max_batch),
        None if runner is None else CaptionRounds(runner, predictor, clock, telemetry),
        variants,
        requests,
        endings,
        predictor,
        clock,
        telemetry,
    )
    shelf = AdapterShelf(artifact, stages, config.adapter_places)
    retake = _retake(artifact, config, opened, predictor, clock)
    works: list[IdleWork] = [retake]
    if config.audit_share:
        works.append(_audit(artifact, opened, sample, telemetry))
    return Parts(
        requests=requests,
        planner=planner,
        admission=Admission(family, planner, requests, config, max_beams, shelf),
        row_maker=RowMaker(TaskContext(family, codec, texts, max_beams), router, variants),
        endings=endings,
        executor=Executor(loop, max_batch, config.late_answer_worth, works),
        retake=retake,
        shelf=shelf,
        price=partial(_price, requests, predictor, max_batch, clock),
    )


def _price(requests: OpenRequests, predictor: Predictor, max_batch: int, clock: Clock) -> float:
    """Return what a second of other work now would cost the open requests."""
    now = clock.now_s()
    predictor.refresh(now)
    chances = predictor.times.chances
    return price(
        Snapshot(requests.rows(), max_batch, correction=chances.level, chances=chances), now
    )


def _audit(
    artifact: Artifact, opened: OpenedEngine, sample: AuditSample, telemetry: Telemetry
) -> Audit:
    """Return what runs kept answers again, on a row and a slot of its own."""
    stages, deepest = opened.stages, artifact.manifest.deepest
    solo = Solo(opened.family, stages.run, 1, opened.backend.memory)
    answers = SoloAnswers(artifact, solo)

    def again(given: Input) -> Generator[None, None, str] | None:
        last_key = opened.family.member(given.task, deepest).keys[-1]
        return answers.one(deepest, given) if last_key < stages.resident_keys else None

    return Audit(sample, again, telemetry)


def _retake(
    artifact: Artifact,
    config: EngineConfig,
    opened: OpenedEngine,
    predictor: Predictor,
    clock: Clock,
) -> ProfileRetake:
    """Return what measures the latency profile again, as it was measured at the opening."""
    family, stages = opened.family, opened.stages

    def begin() -> Measurement:
        points = profile_points(family, stages, config.max_batch)
        return Measurement(family, stages, points, config.profile_limit_s, clock)

    finish = partial(profile_of, artifact, opened.backend, config)
    keep = partial(save_profile, config=config)
    return ProfileRetake(predictor, begin, finish, keep, clock, opened.measured_beside)


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
