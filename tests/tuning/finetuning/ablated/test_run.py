"""One run of an ablation: what it measures, how long it takes, what it refuses, how it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.checkpoint import load
from tests.tuning.finetuning.tiny import recipe, write_set
from tuning.data.problems import DataError
from tuning.finetuning.ablated import clock
from tuning.finetuning.ablated.clock import StepClock
from tuning.finetuning.ablated.run import AskedRun, main, run
from tuning.finetuning.task_data import read_task_data
from tuning.loop import TuningProgress
from tuning.recipes.sets import SetsFile, TunedOn


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("squares"))


def asked(squares: Path, folder: Path, **changes: Any) -> AskedRun:
    """Return a run of three steps on questions, reported on the other pictures."""
    said = recipe(squares, run={"steps": 3})
    task = {**said["tasks"]["vqa"], "chooses": None, **changes.pop("task", {})}
    said = {**said, "tasks": {"vqa": task}, **changes.pop("recipe", {})}
    fields: dict[str, Any] = {
        "folder": folder,
        "recipe": SetsFile.model_validate(said),
        "reports": {"vqa": {"data": str(squares), "split": "dev"}},
        "examples": 6,
    }
    return AskedRun.model_validate({**fields, **changes})


def test_every_depth_is_measured_on_the_reporting_data(squares: Path, tmp_path: Path) -> None:
    found = run(asked(squares, tmp_path))
    assert list(found["quality"]["vqa"]) == ["1", "2", "3", "4"]
    assert found["examples"] == {"vqa": 6}
    assert found["steps"] == 3
    assert found["cpu_s"] == pytest.approx(3 * found["step_cpu_s"])
    weights = [weight.numel() for weight in load(tmp_path).model.parameters()]
    assert found["parameters"] == found["tuned_parameters"] == sum(weights)


def test_only_some_depths_are_measured_where_only_they_are_asked(
    squares: Path, tmp_path: Path
) -> None:
    assert list(run(asked(squares, tmp_path, depths=(2,)))["quality"]["vqa"]) == ["2"]


def test_a_run_of_a_given_time_keeps_the_steps_that_fitted_in(
    squares: Path, tmp_path: Path
) -> None:
    first = run(asked(squares, tmp_path, cpu_s=1e-9))
    assert first["steps"] == 1
    again = run(asked(squares, tmp_path, cpu_s=1e9))
    assert again["steps"] == 1, "a run that goes on keeps its length"


def test_a_longer_time_gives_more_steps(squares: Path, tmp_path: Path) -> None:
    unit_s = run(asked(squares, tmp_path / "unit"))["step_cpu_s"]
    found = run(asked(squares, tmp_path / "longer", cpu_s=40 * unit_s))
    assert 4 < found["steps"] < 400


def test_pictures_that_are_tuned_on_are_not_reported_on(squares: Path, tmp_path: Path) -> None:
    reports = {"vqa": {"data": str(squares), "split": "train"}}
    with pytest.raises(DataError, match=r"12 pictures are in train.*in train, which reports"):
        run(asked(squares, tmp_path, reports=reports))


def test_an_adapter_says_its_bytes_and_what_it_costs_to_answer(
    squares: Path, tmp_path: Path
) -> None:
    run(asked(squares, tmp_path / "base"))
    method = {"kind": "adapter", "form": "lora", "settings": {"rank": 2}}
    model = {"checkpoint": str(tmp_path / "base")}
    task = {"image_size": None}
    said = {"model": model, "method": method}
    found = run(asked(squares, tmp_path / "lora", recipe=said, task=task))
    assert 0 < found["tuned_parameters"] < found["parameters"]
    assert found["adapter_bytes"] >= 4 * found["tuned_parameters"]
    low, middle, high = found["serving"]
    assert 0 < low <= middle <= high


def test_what_goes_wrong_is_one_document(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = asked(squares, tmp_path, reports={"vqa": {"data": str(squares), "split": "none"}})
    with pytest.raises(SystemExit):
        main(said.model_dump_json())
    (line,) = capsys.readouterr().out.splitlines()
    assert "has no split 'none' for vqa" in json.loads(line)["problem"]


def test_progress_and_the_result_are_documents_a_line(
    squares: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(asked(squares, tmp_path).model_dump_json())
    *told, found = map(json.loads, capsys.readouterr().out.splitlines())
    assert told[0] == {"at": "step 1 of 3", "share": pytest.approx(1 / 3)}
    assert found["quality"]["vqa"]


def test_a_clock_goes_on_and_its_mean_is_over_all_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = iter([0.0, 1.0, 1.0, 4.0, 4.0, 10.0, 12.0, 12.0])
    monkeypatch.setattr(clock.time, "process_time", lambda: next(now_s))
    first = StepClock(tmp_path, 3, 2, lambda what, share: None)
    for step in range(2):
        first.on_step(TuningProgress(step, {}))
    assert first.step_cpu_s == 2.0
    second = StepClock(tmp_path, 3, 2, lambda what, share: None)
    second.on_step(TuningProgress(2, {}))
    assert second.step_cpu_s == 2.0, "1, 3 and 2 seconds"


def test_a_run_ends_where_its_parent_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = StepClock(tmp_path, 3, 1, lambda what, share: None)
    monkeypatch.setattr(clock.os, "getppid", lambda: 1)
    with pytest.raises(SystemExit, match="the command that started this run is gone"):
        counting.on_step(TuningProgress(0, {}))


def test_a_share_of_the_data_is_whole_pictures_and_lies_in_larger_shares(squares: Path) -> None:
    def pictures(share: float) -> frozenset[str]:
        said = TunedOn(data=str(squares), batch=1, data_share=share)
        return read_task_data("vqa", said).tuned.pictures

    quarter, half = pictures(0.25), pictures(0.5)
    assert (len(quarter), len(half), len(pictures(1.0))) == (3, 6, 12)
    assert quarter < half < pictures(1.0)


def test_a_share_is_taken_of_what_is_not_held_out(squares: Path) -> None:
    said = TunedOn(data=str(squares), batch=1, data_share=0.5, hold_out=4)
    data = read_task_data("vqa", said)
    assert data.chooses is not None
    assert len(data.tuned.pictures) == 4
    assert not data.tuned.pictures & data.chooses.pictures
