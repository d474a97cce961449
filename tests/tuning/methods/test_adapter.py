"""Tuning with few parameters: what moves, what stays, what is left on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from artifact.adapters.folder import Adapter, read_adapter
from artifact.task import VQA
from models.adapters.forms import FORMS
from models.adapters.loaded import adapted
from models.checkpoint import load
from tests.tuning.finetuning.tiny import made, recipe
from tuning.finetuning.adapting import FOLDER, adapting, write_tuned
from tuning.finetuning.choosing import quality_of
from tuning.finetuning.loop import Watcher
from tuning.loop import TuningProgress
from tuning.recipes.errors import RecipeError
from tuning.recipes.parts import Adapt
from tuning.recipes.sets import SetsFile

SMALL: dict[str, dict[str, Any]] = {
    "prefix": {"rows": 2, "inner": 4},
    "mam": {"rows": 2, "inner": 4, "width": 4},
    "scaled_parallel": {"width": 4},
}


class Interrupted(Exception):
    pass


def adapter_recipe(squares: Path, base: Path, form: str, **changes: Any) -> dict[str, Any]:
    said = recipe(squares, run=changes.pop("run", {}))
    method = {"kind": "adapter", "form": form, "settings": SMALL.get(form, {}), **changes}
    only = {VQA.name: said["tasks"][VQA.name]}
    return {**said, "model": {"checkpoint": str(base)}, "method": method, "tasks": only}


def tuned(said: dict[str, Any], out: Path, watcher: Watcher | None = None) -> Adapter:
    """Run a recipe to its end, and read the adapter that it leaves."""
    tuning = made(said)
    assert isinstance(tuning.file.method, Adapt)
    about = adapting(tuning.file.method, said["model"]["checkpoint"])
    tuning.run(out, watcher)
    write_tuned(tuning, about, out)
    return read_adapter(out / FOLDER)


@pytest.mark.parametrize("form", FORMS)
def test_only_the_adapter_and_its_heads_move(
    squares: Path, base: Path, tmp_path: Path, form: str
) -> None:
    said = adapter_recipe(squares, base, form, run={"steps": 2})
    tuning = made(said)
    before = {name: weight.clone() for name, weight in tuning.model.named_parameters()}
    tuning.run(tmp_path)
    moved = {n for n, w in tuning.model.named_parameters() if not torch.equal(w, before[n])}
    assert any(name.startswith("adapter.") for name in moved)
    assert {name.split(".")[0] for name in moved} <= {"adapter", "heads"}
    assert not any(name.startswith("heads.caption") for name in moved)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["resume.pt"]


def test_it_learns_and_every_depth_has_its_measured_quality(
    squares: Path, base: Path, tmp_path: Path
) -> None:
    seen: list[TuningProgress] = []
    settings = {"hooks": ["q", "v", "fc1", "fc2"], "rank": 4}
    run = {"steps": 60, "checkpoint_every": 60}
    said = adapter_recipe(squares, base, "lora", settings=settings, skip_probability=0.3, run=run)
    made_of = tuned(said, tmp_path, Watcher(seen.append))
    assert seen[-1].tasks[VQA.name].loss < 0.5 * seen[0].tasks[VQA.name].loss
    assert len({at.tasks[VQA.name].executed for at in seen}) > 3
    record = made_of.record
    assert [(each.variant, len(each.pattern)) for each in record.variants] == [
        ("d1", 1),
        ("d2", 2),
        ("d3", 3),
        ("full", 4),
    ]
    checkpoint = load(base)
    assert record.base.checkpoint_sha256 == checkpoint.sha256
    assert record.config == checkpoint.model.config
    assert (record.kind, record.tasks, record.note["method"]) == ("lora", (VQA.name,), "adapter")
    assert (record.quality_source or "").startswith("measured: 12 vqa examples of ")
    again = made(said)
    model = adapted(checkpoint, made_of).model
    depths = adapting(Adapt(kind="adapter", form="lora"), str(base)).variants
    patterns = [depths[each.variant] for each in record.variants]
    found = quality_of(model, again.asking[VQA.name], again.data[VQA.name], 1000, patterns)
    assert [round(each, 4) for each in found] == [
        record.quality_of(each.pattern, VQA.name, "fp32") for each in record.variants
    ]
    assert max(found) == 1.0


def test_an_adapter_of_captions_alone_leaves_the_answers_of_its_base(
    squares: Path, base: Path, tmp_path: Path
) -> None:
    said = adapter_recipe(squares, base, "adalink", run={"steps": 1})
    said["tasks"] = {"caption": recipe(squares)["tasks"]["caption"]}
    record = tuned(said, tmp_path).record
    assert record.tasks == ("caption",)
    assert record.config == load(base).model.config


def test_a_killed_run_resumes_to_the_bit(squares: Path, base: Path, tmp_path: Path) -> None:
    def stop_at_3(progress: TuningProgress) -> None:
        if progress.step == 3:
            raise Interrupted

    said = adapter_recipe(squares, base, "adalink", run={"steps": 5, "evaluate_every": 5})
    whole = tuned(said, tmp_path / "whole")
    with pytest.raises(Interrupted):
        made(said).run(tmp_path / "resumed", Watcher(stop_at_3))
    resumed = tuned(said, tmp_path / "resumed")
    assert resumed.record.tensors_sha256 == whole.record.tensors_sha256


def test_without_heads_only_tables_are_shipped(squares: Path, base: Path, tmp_path: Path) -> None:
    said = adapter_recipe(squares, base, "bitfit", heads=False, run={"steps": 2})
    found = tuned(said, tmp_path)
    assert found.record.heads == {}
    head: Tensor = load(base).model.heads[VQA.name].state_dict()["answers.weight"]
    assert torch.equal(made(said).model.heads[VQA.name].state_dict()["answers.weight"], head)


def test_weights_decay_but_not_shifts(squares: Path, base: Path) -> None:
    tuning = made(adapter_recipe(squares, base, "serial", settings={"width": 2}))
    names = {id(weight): name for name, weight in tuning.model.named_parameters()}
    decays: dict[bool, set[str]] = {True: set(), False: set()}
    for group in tuning.optimiser.param_groups:
        decays[group["weight_decay"] > 0] |= {names[id(weight)] for weight in group["params"]}
    own = {name for name in decays[True] if name.startswith("adapter.")}
    assert own
    assert all(name.endswith(("_down", "_up")) for name in own)
    assert "adapter.tuned.block_ffn_norm_text_scale" in decays[False]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"method": {"kind": "adapter", "form": "lore"}}, "there is no form 'lore'"),
        (
            {"method": {"kind": "adapter", "form": "lora", "settings": {"ranks": 1}}},
            "lora has no 'ranks'",
        ),
        ({"model": {"shape": {"orders": 2}}}, "shape"),
        ({"model": {"checkpoint": "x", "new_words": True}}, "name model.checkpoint"),
        ({"model": {"release": "x.pth", "size": "base"}}, "name model.checkpoint"),
        ({"tasks": {"vqa": {"data": "x", "batch": 4, "image_size": 32}}}, "take it out"),
        ({"name": "a" * 70}, "a name has 1 to 64"),
    ],
)
def test_recipes_that_make_no_adapter(
    squares: Path, base: Path, change: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValidationError, match=says):
        SetsFile.model_validate({**adapter_recipe(squares, base, "lora"), **change})


def test_what_the_base_lacks_is_said_before_the_run(
    squares: Path, base: Path, tmp_path: Path
) -> None:
    said = adapter_recipe(squares, base, "lora")
    reason = {**recipe(squares)["tasks"]["reason"]}
    del reason["image_size"]
    with pytest.raises(RecipeError, match="the base has no task reason"):
        made({**said, "tasks": {"reason": reason}})
    with pytest.raises(RecipeError, match=r"no config\.json|no such file"):
        adapting(Adapt(kind="adapter", form="lora"), str(tmp_path))
    with pytest.raises(RecipeError, match=r"manifest\.json"):
        adapting(Adapt(kind="adapter", form="lora", artifact=str(tmp_path)), str(base))
