"""What the engine makes of whole variants before anybody asks: programs, sizes, routes, times."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from pydantic import ValidationError

from artifact.latency.profile import LatencyProfile
from artifact.manifest import Manifest
from artifact.program import composed_programs, whole_programs
from artifact.store import Artifact
from artifact.task import CAPTION, REASON, TASKS, TaskName
from engine.backends.registry import open_backend
from engine.errors import LoadFailed
from engine.requests.prediction import Predictor
from engine.requests.routes import Router
from engine.residency.family import Family
from engine.residency.stages import StageSet
from tests.engine.artifacts.tiny_gallery import COMPOSED, MIXED, write_gallery
from tests.engine.artifacts.tiny_model import TRIO
from tests.engine.artifacts.whole_graphs import whole_names
from tests.engine.artifacts.whole_model import VARIANTS
from tests.engine.pools.fake_backend import flat_profile

PIXELS, TOKENS = 48, 12
STEP_S = 0.01
"""Each further entry of a batch takes a tenth of that more (`flat_profile`)."""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write_gallery(tmp_path_factory.mktemp("everything") / "tiny", COMPOSED)


def mixed_of(everything: Artifact) -> Manifest:
    stages = everything.manifest.stages
    kept = {name: stages[name] for name in (*MIXED, *whole_names())}
    return everything.manifest.model_copy(update={"stages": kept})


def predictor(family: Family, max_batch: int = 8) -> Predictor:
    return Predictor(flat_profile(family, STEP_S), family, max_batch)


@pytest.mark.parametrize("task", TRIO)
@pytest.mark.parametrize("variant", VARIANTS)
def test_composed_if_all_its_stages_are_there_else_whole(
    everything: Artifact, gallery: Artifact, task: TaskName, variant: str
) -> None:
    manifest = everything.manifest
    composed = composed_programs(TASKS[task], manifest.config, manifest.pattern(variant))
    whole = whole_programs(TASKS[task], variant)
    assert Family(manifest, "fp32").member(task, variant).programs == composed
    assert Family(gallery.manifest, "fp32").member(task, variant).programs == whole
    mixed = Family(mixed_of(everything), "fp32").member(task, variant).programs
    assert mixed == (whole if task == "caption" and variant != "d2" else composed)


def test_only_the_stages_that_are_run_are_loaded(everything: Artifact, gallery: Artifact) -> None:
    assert set(Family(everything.manifest, "fp32").stages) == set(COMPOSED)
    assert set(Family(gallery.manifest, "fp32").stages) == set(whole_names())


@pytest.mark.parametrize(
    "stage", [*TASKS["caption"].whole_stages("slim"), *TASKS["reason"].whole_stages("d2")]
)
def test_a_variant_that_is_neither_is_refused(gallery: Artifact, stage: str) -> None:
    document = gallery.manifest.model_dump()
    del document["stages"][stage]
    with pytest.raises(ValidationError, match=r"variant \w+ needs stages"):
        Manifest.model_validate(document)


@pytest.mark.parametrize(
    ("stage", "side", "name", "shape"),
    [
        ("whole_decode[caption:slim]", "inputs", "k.1", ("B", 3, "T", 1)),
        ("whole_image[caption:slim]", "outputs", "v.3", ("B", 1, 5, 2)),
    ],
)
def test_a_picture_must_give_the_keys_and_values_its_words_read(
    gallery: Artifact, stage: str, side: str, name: str, shape: tuple[int | str, ...]
) -> None:
    document = gallery.manifest.model_dump()
    document["stages"][stage][side][name]["shape"] = shape
    with pytest.raises(ValidationError, match=rf"slim: .*differ in \['{name}'\]"):
        Manifest.model_validate(document)
    del document["stages"][stage][side][name]
    with pytest.raises(ValidationError, match=rf"slim: .*differ in \['{name}'\]"):
        Manifest.model_validate(document)


def test_it_goes_with_the_last_key_it_executes(gallery: Artifact) -> None:
    family = Family(gallery.manifest, "fp32")
    for stage in family.stages:
        assert family.key_of_stage(stage) == (0 if stage.endswith(":d2]") else 1)


def test_its_bytes_are_pictures_and_keys_and_values(gallery: Artifact) -> None:
    family = Family(gallery.manifest, "fp32")
    for variant, heads in VARIANTS.items():
        wide = sum(count * width for count, width in heads.values())
        kv = 2 * wide * TOKENS * 4
        assert family.member("vqa", variant).request_bytes == PIXELS
        assert family.member("reason", variant).request_bytes == 2 * PIXELS
        assert family.member("caption", variant).request_bytes == PIXELS + kv


@pytest.mark.parametrize(("max_batch", "most"), [(8, 4), (2, 1), (3, 1)])
def test_a_statement_is_two_rows_of_one_entry(gallery: Artifact, max_batch: int, most: int) -> None:
    family = Family(gallery.manifest, "fp32")
    times = predictor(family, max_batch)
    route = Router(family, times).fixed(REASON, "full", 8)
    assert (route.rows, route.legs, route.head_call) == (2, 1, None)
    assert route.calls == (("whole[reason:full]", 8),)
    for statements in range(1, most + 1):
        batch_s = STEP_S * (1 + (statements - 1) / 10)
        assert times.mean_s(REASON, "full", 8, statements) == pytest.approx(batch_s)
        assert route.fixed_s[0] + route.row_s[0] * 2 * statements == pytest.approx(batch_s)
    assert route.alone_s[0] == pytest.approx(STEP_S)


@pytest.mark.parametrize("beams", [1, 3])
def test_a_caption_is_a_picture_and_a_call_for_every_word(gallery: Artifact, beams: int) -> None:
    family = Family(gallery.manifest, "fp32")
    times = predictor(family)
    router = Router(family, times)
    route = router.fixed(CAPTION, "slim", 0, words=4, beams=beams)
    assert (route.rows, route.legs, route.head_call) == (1, 1, None)
    assert route.calls == (("whole_image[caption:slim]", 0),)
    word_s = STEP_S * (1 + (beams - 1) / 10)
    assert route.alone_s[0] == pytest.approx(STEP_S + 4 * word_s)
    assert router.words(CAPTION, "slim", 4, beams).alone_s[1] == pytest.approx(4 * word_s)
    assert times.mean_s(CAPTION, "slim", 0, 1, words=4) == pytest.approx(5 * STEP_S)
    assert router.fixed(CAPTION, "slim", 0, words=2) is not route


def test_it_is_never_elastic(everything: Artifact, gallery: Artifact) -> None:
    elastic: dict[str, Sequence[bool]] = {}
    manifests = {"composed": everything.manifest, "mixed": mixed_of(everything)}
    for name, manifest in (manifests | {"whole": gallery.manifest}).items():
        family = Family(manifest, "fp32")
        router = Router(family, predictor(family))
        elastic[name] = [router.is_elastic(TASKS[task]) for task in TRIO]
    assert elastic == {
        "composed": [True] * 3,
        "mixed": [True, False, True],
        "whole": [False] * 3,
    }


def test_one_never_measured_takes_what_others_of_its_task_do(gallery: Artifact) -> None:
    seconds = {"whole[vqa:full]": 1.0, "whole[reason:full]": 2.0, "whole_decode[caption:d2]": 3.0}
    curves = {stage: {0: ((1, second),)} for stage, second in seconds.items()}
    times = Predictor(LatencyProfile("some", curves), Family(gallery.manifest, "fp32"), 4)
    assert times.means.step_s("whole[reason:slim]", 8, 1) == 2.0
    assert times.means.step_s("whole[vqa:slim]", 8, 1) == 1.0
    assert times.means.step_s("whole_decode[caption:slim]", TOKENS, 1) == 3.0


def test_without_the_shallowest_the_first_key_offers_nothing(gallery: Artifact) -> None:
    """Of a gallery whose variants all execute the last order."""
    deep = tuple(v for v in gallery.manifest.variants if v.id != "d2")
    manifest = gallery.manifest.model_copy(update={"variants": deep})
    artifact = dataclasses.replace(gallery, manifest=manifest)
    family = Family(manifest, "fp32")
    stages = StageSet(artifact, open_backend("onnxruntime"), family, 4, budget_bytes=1)
    with pytest.raises(LoadFailed, match=r"not even the first 2 keys.*it needs"):
        stages.load(lambda what, share: None)
    stages = StageSet(artifact, open_backend("onnxruntime"), family, 4)
    stages.load(lambda what, share: None)
    with pytest.raises(LoadFailed, match="not even the first 2 keys"):
        stages.set_budget(1)
    assert set(stages.loaded) == set(family.stages)
