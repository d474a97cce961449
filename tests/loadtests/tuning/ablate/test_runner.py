"""Runs in order, kept one by one; what fails, what goes on, what may stand beside what."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from loadtests.kit import journal
from loadtests.kit.errors import BenchError
from loadtests.kit.journal import Journal
from loadtests.kit.progress import Report
from loadtests.tuning.ablate import runner
from loadtests.tuning.ablate.run import TUNED, AblationRun, Preparation, folder_of, in_order
from loadtests.tuning.ablate.runner import Runner, take_apart
from tests.tuning.finetuning.tiny import recipe, write_set

RECIPE = {"model": {"checkpoint": ""}, "run": {"steps": 1}}


def a_run(name: str, **more: Any) -> AblationRun:
    settings = {"recipe": RECIPE, "reports": {}, "examples": 1, "named": name}
    return AblationRun(name, "data", 0, settings, **more)


def quiet(what: str, share: float) -> None:
    """Hear of a run."""


class Taken:
    """Takes runs at once, and remembers their settings in order."""

    def __init__(self, fails: str = "") -> None:
        self.settings: list[Mapping[str, Any]] = []
        self._fails = fails

    @property
    def names(self) -> list[str]:
        return [each["named"] for each in self.settings]

    def __call__(
        self, module: str, words: str, report: Report, on_start: Callable[..., None]
    ) -> dict[str, Any]:
        said = json.loads(words)
        self.settings.append(said)
        report("step 1 of 1", 1.0)
        if said["named"] == self._fails:
            raise BenchError("the disk is full: free some")
        return {"cpu_s": 8.0, "module": module}


def test_a_run_comes_after_those_it_needs_and_is_taken_once(tmp_path: Path, kept: Journal) -> None:
    base = a_run("base")
    once = a_run("once", starts_from=base)
    alone = a_run("alone", starts_from=base, as_long_as=(once, 0.25))
    taken = Taken()
    found = Runner(tmp_path, kept, 2, taken).run([alone, once], quiet)
    assert taken.names == ["base", "once", "alone"]
    assert set(found) == {base.key, once.key, alone.key}
    last = taken.settings[-1]
    assert last["cpu_s"] == 2.0
    assert last["recipe"]["model"]["checkpoint"] == str(folder_of(tmp_path, base))
    assert last["folder"] == str(folder_of(tmp_path, alone))
    assert found[alone.key]["module"] == TUNED


def test_what_is_kept_is_not_taken_again(tmp_path: Path, kept: Journal) -> None:
    first, second = a_run("first"), a_run("second")
    Runner(tmp_path, kept, 1, Taken()).run([first], quiet)
    taken = Taken()
    Runner(tmp_path, kept, 1, taken).run([first, second], quiet)
    assert taken.names == ["second"]
    entry = kept.get(second.key)
    assert entry is not None
    assert (entry["arm"], entry["seed"], entry["found"]["cpu_s"]) == ("second", 0, 8.0)


def test_a_failure_names_its_run_and_the_others_stay_kept(tmp_path: Path, kept: Journal) -> None:
    runs = [a_run("good"), a_run("bad"), a_run("later")]
    with pytest.raises(BenchError, match=r"^data, bad, seed 0: the disk is full: free some$"):
        Runner(tmp_path, kept, 1, Taken(fails="bad")).run(runs, quiet)
    assert [run.key in kept for run in runs] == [True, False, False]


def test_what_measures_times_has_the_machine_alone(tmp_path: Path, kept: Journal) -> None:
    beside, most, lock = [0], {}, threading.Lock()
    both = threading.Barrier(2)

    def take(
        module: str, words: str, report: Report, on_start: Callable[..., None]
    ) -> dict[str, Any]:
        name = json.loads(words)["named"]
        with lock:
            beside[0] += 1
        if name in ("a", "b"):
            both.wait(10)
        with lock:
            most[name] = beside[0]
            beside[0] -= 1
        return {}

    runs = [a_run("a"), a_run("b"), a_run("timed", alone=True), a_run("timed too", alone=True)]
    Runner(tmp_path, kept, 3, take).run(runs, quiet)
    assert most["timed"] == most["timed too"] == 1
    assert max(most["a"], most["b"]) == 2


def test_prepared_folders_are_made_once_and_named_in_recipes(
    tmp_path: Path, kept: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[list[str]] = []

    def run_child(module: str, words: list[str], what: str) -> str:
        made.append(words)
        Path(words[1]).mkdir()
        return ""

    monkeypatch.setattr(runner, "run_child", run_child)
    world = Preparation("world-1", ("world", "@world-1", "--count", "3"))
    settings = {"named": "it", "recipe": {"tasks": {"vqa": {"data": world.said}}}}
    taken = Taken()
    for seed in (0, 1):
        run = AblationRun("it", "world", seed, {**settings, "seed": seed}, needs=(world,))
        Runner(tmp_path, kept, 1, taken).run([run], quiet)
    assert made == [["world", str(tmp_path / "world-1"), "--count", "3"]]
    assert taken.settings[0]["recipe"]["tasks"]["vqa"]["data"] == str(tmp_path / "world-1")


def test_in_order_has_each_once_behind_what_it_waits_for() -> None:
    base = a_run("base")
    runs = [a_run("x", starts_from=base), a_run("y", starts_from=a_run("base"))]
    assert [run.arm for run in in_order(runs)] == ["base", "x", "y"]


def _squares_run(folder: Path, steps: int) -> AblationRun:
    said = recipe(folder, run={"steps": steps, "checkpoint_every": 5})
    task = {**said["tasks"]["vqa"], "chooses": None}
    settings = {
        "recipe": {**said, "tasks": {"vqa": task}},
        "reports": {"vqa": {"data": str(folder), "split": "dev"}},
        "examples": 12,
    }
    return AblationRun("squares", "squares", 0, settings)


@pytest.mark.slow
def test_a_killed_run_goes_on_from_its_own_checkpoint_and_ends_alike(tmp_path: Path) -> None:
    run = _squares_run(write_set(tmp_path / "squares"), 100)
    heard: list[str] = []

    def killed(
        module: str, words: str, report: Report, on_start: Callable[..., None]
    ) -> dict[str, Any]:
        processes: list[Any] = []

        def hear(what: str, share: float) -> None:
            if share > 0.1 and (folder_of(tmp_path / "a", run) / "resume.pt").is_file():
                processes[0].kill()

        return take_apart(module, words, hear, processes.append)

    def listened(
        module: str, words: str, report: Report, on_start: Callable[..., None]
    ) -> dict[str, Any]:
        return take_apart(module, words, lambda what, share: heard.append(what), on_start)

    with journal.opened(tmp_path / "a.jsonl", {}) as kept:
        with pytest.raises(BenchError, match=r"squares, squares, seed 0: ended with -9"):
            Runner(tmp_path / "a", kept, 1, killed).run([run], quiet)
        assert run.key not in kept
        resumed = Runner(tmp_path / "a", kept, 1, listened).run([run], quiet)
    assert heard
    assert heard[0] != "step 1 of 100", "it begins where it was"
    with journal.opened(tmp_path / "b.jsonl", {}) as kept:
        whole = Runner(tmp_path / "b", kept).run([run], quiet)
    assert resumed[run.key]["quality"] == whole[run.key]["quality"]


@pytest.mark.slow
def test_a_run_that_is_refused_says_why(tmp_path: Path, kept: Journal) -> None:
    run = _squares_run(tmp_path / "nothing", 1)
    with pytest.raises(BenchError, match=r"squares, squares, seed 0: there is no folder"):
        Runner(tmp_path, kept).run([run], quiet)
