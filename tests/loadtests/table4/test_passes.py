"""What a pass gives its stages, seen by stages that only look; real ones in tests/e2e."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from artifact.manifest import (
    BucketRecord,
    Manifest,
    StageFile,
    TensorSpec,
    TextRecord,
    VariantRecord,
)
from artifact.store import Artifact
from artifact.task import TASKS, TaskName
from engine.backends.base import Array
from loadtests.kit.errors import BenchError
from loadtests.table4 import galleries
from loadtests.table4.galleries import check_gallery
from loadtests.table4.passes import Passes, draw_inputs
from loadtests.table4.presets import PassWork
from tests.engine.artifacts.tiny_model import HEAD_WIDTH, NV, SIDE, TRIO, VOCAB, tiny_config

WORDS, BATCH = 3, 2
HEADS = {"full": 2, "upop": 1}
"""A pruned order has fewer heads; its arrays are not full's."""


def kv(name: str, heads: int, tokens: int | str) -> dict[str, TensorSpec]:
    spec = TensorSpec(dtype="float32", shape=("B", heads, tokens, HEAD_WIDTH))
    return {f"{kind}{name}": spec for kind in "kv"}


def a_gallery() -> Artifact:
    stages = {}
    for method, heads in HEADS.items():
        image, decode = TASKS["caption"].whole_stages(method)
        stages[image] = StageFile(file="f", inputs={}, outputs=kv(".0", heads, NV))
        given = {"tokens": TensorSpec(dtype="int64", shape=("B", 2)), **kv(".0", heads, "T")}
        stages[decode] = StageFile(file="f", inputs=given, outputs=kv("_new.0", heads, 1))
    for task in ("vqa", "reason"):
        stages[TASKS[task].whole_stages("full")[0]] = StageFile(file="f", inputs={}, outputs={})
    manifest = Manifest.model_construct(
        name="hand",
        config=tiny_config(tasks=TRIO),
        stages=stages,
        variants=(
            VariantRecord(id="full", pattern=(0,), unique_parameters=1, executed_parameters=1),
        ),
        text=TextRecord(
            bos=1, eos=2, pad=0, unk=3, mask=4, max_question_tokens=8, max_caption_tokens=7
        ),
        buckets=BucketRecord(text_lengths=(4, 8), batches=(1, 2, 4)),
    )
    return Artifact(Path("/nowhere"), manifest, "")


class Looking:
    """A backend whose stages note their inputs and count their calls: the answer is the count."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Array]]] = []
        self.worth = 1.0

    def load(self, stage: str, path: Path, spec: StageFile) -> Any:
        backend = self

        class Stage:
            def run(
                self, inputs: Mapping[str, Array], into: Mapping[str, Array] | None = None
            ) -> dict[str, Array]:
                backend.calls.append((stage, {name: a.copy() for name, a in inputs.items()}))
                value = backend.worth * len(backend.calls)
                shapes = {
                    name: [BATCH if n == "B" else n for n in each.shape]
                    for name, each in spec.outputs.items()
                }
                found = {name: np.full(shape, value, np.float32) for name, shape in shapes.items()}
                if not stage.startswith("whole_image"):
                    found["logits"] = np.full((BATCH, VOCAB), value, np.float32)
                return found

        return Stage()


def passes(task: TaskName, looking: Looking, work: PassWork) -> Passes:
    gallery = a_gallery()
    return Passes(gallery, looking, task, draw_inputs(gallery.manifest, task, work, 0))  # type: ignore[arg-type]


def test_a_question_and_a_statement_are_one_call_of_the_longest_text() -> None:
    for task, pictures in (("vqa", (BATCH,)), ("reason", (BATCH, 2))):
        looking = Looking()
        side = passes(task, looking, PassWork(SIDE, BATCH)).side("full")  # type: ignore[arg-type]
        assert side() > 0
        assert [stage for stage, _ in looking.calls] == [f"whole[{task}:full]"] * 2
        first, second = (inputs for _, inputs in looking.calls)
        assert first["pixels"].shape == (*pictures, SIDE, SIDE, 3)
        assert first["tokens"].shape == (BATCH, 8)
        assert first["mask"].shape == (BATCH, NV + 8)
        assert first["mask"].all()
        assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_caption_is_its_picture_and_every_word_on_what_was_kept() -> None:
    looking = Looking()
    side = passes("caption", looking, PassWork(SIDE, BATCH, WORDS)).side("full")
    looking.calls.clear()  # those of the check at loading
    side()
    names = [stage for stage, _ in looking.calls]
    assert names == ["whole_image[caption:full]", *["whole_decode[caption:full]"] * WORDS]
    for number, (_, given) in enumerate(looking.calls[1:]):
        assert given["tokens"].shape == (BATCH, 2)
        assert given["tokens"][:, 1].tolist() == [4] * BATCH  # [MASK]
        assert (given["tokens"][:, 0] == 1).all() == (number == 0)  # [BOS] first
        assert given["position"].tolist() == [number] * BATCH
        assert given["mask"].sum(1).tolist() == [NV + number] * BATCH
        assert given["mask"][:, : NV + number].all()
        for name in ("k.0", "v.0"):
            assert given[name].shape == (BATCH, 2, NV + 7, HEAD_WIDTH)
            assert (given[name][:, :, :NV] == 1).all()  # call 1 was the picture's
            kept = given[name][0, 0, NV : NV + number, 0].tolist()
            assert kept == [2.0 + call for call in range(number)]


def test_methods_of_other_heads_have_other_arrays_and_the_same_words() -> None:
    looking = Looking()
    made = passes("caption", looking, PassWork(SIDE, BATCH, WORDS))
    sides = [made.side(method) for method in HEADS]
    looking.calls.clear()
    for side in sides:
        side()
    full, upop = looking.calls[1][1], looking.calls[1 + 1 + WORDS][1]
    assert (full["k.0"].shape[1], upop["k.0"].shape[1]) == (2, 1)
    assert np.array_equal(full["tokens"], upop["tokens"])


def test_an_answer_that_is_no_number_is_reported() -> None:
    looking = Looking()
    looking.worth = np.nan
    with pytest.raises(BenchError, match="the answers of full are not finite"):
        passes("vqa", looking, PassWork(SIDE, BATCH)).side("full")


def test_more_words_than_captions_have_are_reported() -> None:
    with pytest.raises(BenchError, match="captions have 6 words"):
        draw_inputs(a_gallery().manifest, "caption", PassWork(SIDE, BATCH, 7), 0)


def test_a_method_that_is_not_there_is_reported() -> None:
    with pytest.raises(BenchError, match="has no otmv for vqa: remove the folder"):
        check_gallery(a_gallery(), "vqa", ["otmv"])


def test_what_does_not_fit_in_memory_is_reported_before_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 9 kB\nMemAvailable: 2 kB\n")
    monkeypatch.setattr(galleries, "_MEMINFO", meminfo)
    monkeypatch.setattr(Artifact, "tensor_bytes", lambda self: {"w": 3000})
    gallery = a_gallery()
    name = TASKS["vqa"].whole_stages("full")[0]
    record = gallery.manifest.stages[name].model_copy(update={"initializers": ("w",)})
    gallery.manifest.stages[name] = record
    with pytest.raises(BenchError, match="measure fewer with --method"):
        check_gallery(gallery, "vqa", ["full"])
