"""Questions and statements of whole variants: what composed ones answer, alone or in company."""

from __future__ import annotations

import pytest

from artifact.store import Artifact
from artifact.task import TaskName
from engine.errors import DeadlineUnattainable, NoVariantFits
from engine.opening.open import open_solo
from engine.tasks.reason import ReasonInput
from engine.tasks.vqa import VqaInput
from engine.types import Budget, Input
from tests.engine.answers.model_answers import QUESTIONS, distance
from tests.engine.answers.solo_answers import reason_logits, vqa_logits
from tests.engine.answers.whole_answers import TASKS, WORDS, ask, check
from tests.engine.artifacts.tiny_model import TRIO_MODEL, picture, picture_pair
from tests.engine.artifacts.whole_model import VARIANTS
from tests.engine.pools.watched_engine import WatchedEngine


def metric(watched: WatchedEngine, name: str) -> float:
    found = watched.pool.telemetry.registry.collect()
    samples = [s for metric in found for s in metric.samples if s.name == name]
    return sum(sample.value for sample in samples)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("words", WORDS)
def test_it_is_the_composed_answer(
    wholes: WatchedEngine, task: TaskName, variant: str, words: str
) -> None:
    for seed in range(3):
        sent = ask(wholes, task, seed, words, variant)
        check(wholes, sent, task, seed, words)
        answer = sent[1].result(0)
        assert (answer.variant, answer.quality, answer.degraded) == (variant, None, False)
        assert answer.predicted_s > 0
    assert {seen.stage for seen in wholes.steps} == {f"whole[{task}:{variant}]"}


def test_left_and_right_are_not_exchanged(wholes: WatchedEngine) -> None:
    left, right = picture_pair(3)
    found = []
    for pixels in ((left, right), (right, left)):
        request, future = wholes.send(ReasonInput(pixels, WORDS[0]), Budget(variant="full"))
        future.result(20)
        found.append(wholes.logits[request.id])
    assert distance(*found) > 1e-3


@pytest.mark.parametrize("task", TASKS)
def test_alone_is_in_company(wholes: WatchedEngine, task: TaskName) -> None:
    kinds = [(seed, WORDS[seed % 2], list(VARIANTS)[seed % 4 // 2]) for seed in range(10)]
    by_itself = []
    for seed, words, variant in kinds:
        number, future = ask(wholes, task, seed, words, variant)
        future.result(20)
        by_itself.append(wholes.logits[number])
    wholes.steps.clear()
    wholes.gate.clear()
    sent = [ask(wholes, task, *kind) for kind in kinds]
    others = [ask(wholes, other, 1) for other in TASKS]
    wholes.gate.set()
    for (number, future), logits in zip(sent, by_itself, strict=True):
        future.result(20)
        assert distance(wholes.logits[number], logits) <= 1e-6
    for _, future in others:
        future.result(20)
    assert max(len(seen.ids) for seen in wholes.steps) > 1


@pytest.mark.parametrize("max_batch", [1, 2, 3, 5])
def test_a_statement_takes_two_rows_of_a_batch(gallery: Artifact, max_batch: int) -> None:
    watched = WatchedEngine(gallery, max_batch=max_batch)
    sizes: dict[str, list[int]] = {"vqa": [], "reason": []}
    watched.during = lambda stage, inputs: sizes[stage[6:].partition(":")[0]].append(
        len(inputs["tokens"])
    )
    watched.gate.clear()
    sent = {task: [ask(watched, task, seed) for seed in range(6)] for task in TASKS}
    watched.gate.set()
    for task, requests in sent.items():
        for seed, one in enumerate(requests):
            check(watched, one, task, seed)
    assert max(sizes["vqa"]) <= max(max_batch, 2)
    assert max(sizes["reason"]) <= max(max_batch // 2, 1)
    assert metric(watched, "otmv_step_rows_sum") == 6 + 2 * 6
    watched.close()


def test_pictures_and_time_are_counted_as_for_composed_ones(
    fresh_wholes: WatchedEngine, trio: Artifact
) -> None:
    other = WatchedEngine(trio)
    for one in (fresh_wholes, other):
        one.during = lambda stage, inputs, one=one: setattr(  # type: ignore[misc]
            one.clock, "time_s", one.clock.time_s + 0.01
        )
        one.gate.clear()
        sent = [ask(one, "reason", seed, variant="full") for seed in range(3)]
        one.gate.set()
        for _, future in sent:
            future.result(20)
        assert metric(one, "otmv_images_total") == 6
        busy_s = metric(one, "otmv_engine_busy_seconds_total")
        assert busy_s == pytest.approx(one.clock.time_s - 100.0)
    other.close()


def test_an_explicit_variant_is_never_swapped(fresh_wholes: WatchedEngine) -> None:
    fresh_wholes.during = lambda stage, inputs: setattr(
        fresh_wholes.clock, "time_s", fresh_wholes.clock.time_s + 0.01
    )
    for task in TASKS:
        made: Input = VqaInput(picture(0), WORDS[0])
        if task == "reason":
            made = ReasonInput(picture_pair(0), WORDS[0])
        budget = Budget(variant="slim", max_latency_ms=0.5)
        answer = fresh_wholes.send(made, budget)[1].result(20)
        assert (answer.variant, answer.deadline_met, answer.degraded) == ("slim", False, False)
        with pytest.raises(DeadlineUnattainable):
            fresh_wholes.send(made, Budget(variant="slim", max_latency_ms=0.5, on_miss="reject"))


@pytest.mark.parametrize("first", ["full", "slim"])
@pytest.mark.parametrize("task", TASKS)
def test_without_qualities_the_first_of_the_deepest_answers(
    gallery: Artifact, task: TaskName, first: str
) -> None:
    """The manifest's order decides, every time; a quality asked for is one that none has."""
    ordered = sorted(gallery.manifest.variants, key=lambda variant: variant.id != first)
    manifest = gallery.manifest.model_copy(update={"variants": tuple(ordered)})
    watched = WatchedEngine(Artifact(gallery.root, manifest, gallery.hash))
    for seed in range(4):
        sent = ask(watched, task, seed)
        assert sent[1].result(20).variant == first
        check(watched, sent, task, seed)
    with pytest.raises(NoVariantFits, match=f"{first}.*not measured"):
        watched.pool.admit(task, Budget(min_quality=0.1), watched.clock.time_s)
    watched.close()


def test_without_a_scheduler(gallery: Artifact) -> None:
    solo = open_solo(gallery, max_batch=4)
    tokens = [QUESTIONS[WORDS[seed % 2]] for seed in range(7)]
    for variant in VARIANTS:
        pattern = gallery.manifest.pattern(variant)
        asked = vqa_logits(solo, variant, [picture(seed) for seed in range(7)], tokens)
        judged = reason_logits(solo, variant, [picture_pair(seed) for seed in range(7)], tokens)
        for seed in range(7):
            assert (
                distance(asked[seed], TRIO_MODEL.vqa(pattern, picture(seed), tokens[seed])) <= 1e-5
            )
            assert (
                distance(judged[seed], TRIO_MODEL.reason(pattern, picture_pair(seed), tokens[seed]))
                <= 1e-5
            )
