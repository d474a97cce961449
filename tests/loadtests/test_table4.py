from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from artifact import task
from artifact.manifest import Manifest, VariantRecord
from loadtests.bench.setup import BenchError
from loadtests.table4.bars import LEAST_SHARE, bars, not_run
from loadtests.table4.child import Job
from loadtests.table4.galleries import ensure_galleries, flops
from loadtests.table4.methods import BY_ID, FULL, METHODS, TASKS, chosen
from loadtests.table4.notes import note
from loadtests.table4.plot import plot
from loadtests.table4.presets import CPU, LARGE, PRESETS, Work, preset_named
from loadtests.table4.program import Measured, Setup, run_all
from loadtests.table4.report import facts, read_direct, table
from loadtests.table4.rounds import take_rounds, turned
from loadtests.table4.rows import Row, Speed, inverted, speeds
from tests.engine.artifacts.tiny_model import tiny_config


def silent(what: str, share: float) -> None:
    assert 0 <= share <= 1


def a_speed(method: str, median: float, ideal: float, task: str = "vqa") -> Speed:
    quartiles = (median - 0.01, median, median + 0.01)
    return Speed(task, method, quartiles, ideal, 15, BY_ID[method].paper.get(task))


class Watched:
    """Sides that note who was measured when, and take a second more each time."""

    def __init__(self, names: str) -> None:
        self.order: list[str] = []
        self.sides: dict[str, Callable[[], float]] = {name: self._side(name) for name in names}

    def _side(self, name: str) -> Callable[[], float]:
        def seconds() -> float:
            self.order.append(name)
            return float(len(self.order))

        return seconds


def test_every_method_once_a_round_and_none_always_first() -> None:
    watched = Watched("abc")
    told: list[str] = []
    found = take_rounds(watched.sides, 4, lambda what, share: told.append(what))
    rounds = [watched.order[3 * k : 3 * k + 3] for k in range(4)]
    assert rounds == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]
    assert found == {"a": (1, 6, 8, 10), "b": (2, 4, 9, 11), "c": (3, 5, 7, 12)}
    assert told[0] == "round 1 of 4, a"
    assert turned(["a"], 5) == ["a"]


def test_the_ratio_is_of_the_same_round() -> None:
    rows = [
        Row("vqa", "otmv", 60, (1.0, 2.0, 1.0)),
        Row("vqa", FULL, 90, (1.5, 4.0, 3.0)),
        Row("caption", FULL, 50, (7.0, 7.0, 7.0)),
    ]
    otmv, full, other = speeds(rows)
    assert otmv.ratio == pytest.approx((1.75, 2.0, 2.5))
    assert otmv.ideal == pytest.approx(1.5)
    assert otmv.share == pytest.approx(2.0 / 1.5)
    assert (otmv.rounds, otmv.paper) == (3, 1.63)
    assert full.ratio == other.ratio == (1.0, 1.0, 1.0)


def hand_made(**fields: int) -> Manifest:
    record = VariantRecord(
        id="otmv", pattern=(0,), unique_parameters=1, executed_parameters=1, **fields
    )
    return Manifest.model_construct(name="hand", config=tiny_config(), variants=(record,))


def test_the_ideal_counts_the_picture_and_every_word() -> None:
    manifest = hand_made(flops_vqa=10, flops_reason=20, flops_caption=3, flops_caption_image=100)
    assert flops(manifest, "vqa", "otmv", Work(4, 1)) == 10
    assert flops(manifest, "reason", "otmv", Work(4, 1)) == 20
    assert flops(manifest, "caption", "otmv", Work(4, 1, words=8)) == 124


def test_a_gallery_that_says_no_operations_is_told() -> None:
    with pytest.raises(BenchError, match="does not say the FLOPs of otmv: remove the folder"):
        flops(hand_made(flops_caption=3), "caption", "otmv", Work(4, 1, words=8))


def test_only_clear_pairs_are_held_to_their_order() -> None:
    found = [
        a_speed(FULL, 1.0, 1.0),
        a_speed("matformer", 1.12, 1.14),
        a_speed("distillvlm", 1.09, 1.16),  # before matformer, but only 2 % apart
        a_speed("efficientvlm", 1.05, 1.50),  # must be before neither
    ]
    wrong, clear = inverted(found)
    assert wrong == [("matformer", "efficientvlm"), ("distillvlm", "efficientvlm")]
    assert clear == 5
    order = bars(found, "cpu")[-1]
    assert (order.name, order.measured, order.verdict) == ("table4.cpu.vqa.order", 2.0, "short")
    assert "of 5 pairs" in order.spread
    assert "matformer before efficientvlm" in order.spread
    assert bars(found[:3], "cpu")[-1].verdict == "ok"


def test_what_is_left_out_must_be_time_saved() -> None:
    found = [a_speed("otmv", 1.5, 1.71), a_speed("upop", 1.15, 1.21), a_speed("vlpet", 0.5, 0.95)]
    otmv, upop, order = bars(found, "cpu")
    assert otmv.name == "table4.cpu.vqa.otmv.share-of-ideal"
    assert otmv.measured == pytest.approx(1.5 / 1.71)
    assert (otmv.verdict, upop.verdict, order.verdict) == ("short", "ok", "ok")
    assert otmv.spread == "1.500 (1.490 to 1.510) of 1.710, 15 rounds"
    few = Speed("vqa", "otmv", (1.7, 1.7, 1.7), 1.71, 3, 1.63)
    assert "3 rounds, too few to claim" in bars([few], "cpu")[0].spread


def test_a_task_that_failed_has_the_same_bars_not_run() -> None:
    found = [a_speed(method.id, 1.0, 1.0) for method in METHODS]
    run, absent = bars(found, "cpu"), not_run("vqa", list(BY_ID), "cpu", "it broke")
    assert [bar.name for bar in absent] == [bar.name for bar in run]
    assert {bar.verdict for bar in absent} == {"not-run"}
    assert {bar.limit for bar in absent} == {LEAST_SHARE, 0.0}


@pytest.mark.parametrize(
    ("speed", "said"),
    [
        (a_speed(FULL, 1.0, 1.0), "the paper's is 1.00 of this ideal; the structure explains both"),
        (
            a_speed("petadapter", 0.95, 0.98),
            "the paper's is 0.65 of this ideal; the structure explains ours, not the paper's",
        ),
        (
            a_speed("vlpet", 0.70, 0.95),
            "the paper's is 0.63 of this ideal; the structure explains neither",
        ),
        (
            a_speed("otmv", 1.45, 1.71),
            "the paper's is 0.95 of this ideal; the structure explains the paper's, not ours",
        ),
        (
            a_speed("loraunmerged", 0.95, 0.97),
            "not in the paper's table; the structure explains ours",
        ),
        (
            a_speed("literal", 0.80, 1.0),
            "not in the paper's table; the structure does not explain ours",
        ),
    ],
)
def test_a_note_says_what_the_structure_does_not_explain(speed: Speed, said: str) -> None:
    assert note(speed) == said


def test_the_methods_are_those_of_the_record_and_the_paper() -> None:
    root = Path(__file__).parents[2]
    text = " ".join((root / "docs/adr/0021-whole-variants.md").read_text("utf-8").split())
    assert f"Method ids: `{' '.join(BY_ID)}`".replace("` `", " ") in text
    assert set(TASKS) == set(task.TASKS)
    reported = [method for method in METHODS if method.paper]
    assert len(reported) == 12
    assert all(set(method.paper) == set(TASKS) for method in reported)
    assert max(METHODS, key=lambda method: method.paper.get("vqa", 0)).id == "otmv"


def test_full_is_always_measured_and_first() -> None:
    assert chosen(["otmv", "lora"]) == [FULL, "lora", "otmv"]
    assert chosen([]) == list(BY_ID)
    with pytest.raises(BenchError, match="no method 'best'; there are full, petadapter"):
        chosen(["best"])


def test_presets_have_every_task_at_their_size() -> None:
    assert preset_named("cpu") is CPU
    assert CPU.gallery("vqa") == "table4-beit3_base-vqa-224"
    assert LARGE.gallery("caption") == "table4-beit3_large-caption-480"
    for preset in PRESETS.values():
        assert set(preset.work) == set(TASKS)
        assert [task for task, work in preset.work.items() if work.words] == ["caption"]
    with pytest.raises(BenchError, match="no preset 'gpu'; there are cpu, paper"):
        preset_named("gpu")


def test_the_table_has_ours_the_ideal_and_the_papers() -> None:
    console = Console(width=200, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(table([a_speed("otmv", 1.62, 1.71), a_speed("literal", 0.99, 1.0)], "vqa"))
    text = shown.get()
    assert "vqa: speed over full fine-tuning" in text
    assert "paper, A100, BEiT-3 Large" in text
    (otmv,) = [line for line in text.splitlines() if line.startswith("│ OTMV ")]
    cells = [cell.strip() for cell in otmv.strip("│").split("│")]
    assert cells[:6] == ["OTMV", "1.62", "1.61 to 1.63", "1.71", "0.95", "1.63"]
    assert "OTMV, one key block" in text


def a_setup(folder: Path, tasks: tuple[str, ...] = ("vqa",)) -> Setup:
    return Setup(CPU, tasks, [FULL, "otmv"], folder, "onnxruntime", 2, 3)


def test_the_file_is_what_the_live_table_reads(tmp_path: Path) -> None:
    rows = [Row("vqa", FULL, 9, (2.0, 2.0)), Row("vqa", "otmv", 6, (1.0, 1.6))]
    measured = Measured(rows, {"reason": "it broke"}, "onnxruntime 1", {"vqa": 0.1})
    found = facts(a_setup(tmp_path), measured, speeds(rows))
    path = tmp_path / "table4.json"
    path.write_text(json.dumps(found))
    assert read_direct(path) == {("vqa", FULL): 1.0, ("vqa", "otmv"): 1.625}
    assert found["preset"]["work"] == {"vqa": {"image_px": 224, "batch": 4, "words": 0}}
    assert found["failures"] == ["reason: it broke"]
    otmv = found["rows"][1]
    assert otmv["pass"]["values"] == [1.0, 1.6]
    assert (otmv["ideal"], otmv["paper"]) == (1.5, 1.63)
    assert otmv["note"].startswith("the paper's")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "No such file or directory: write it with `--json`"),
        ("{", "is no result of `otmv bench table4 --json`"),
        ('{"rows": [{"task": "vqa"}]}', "is no result of"),
    ],
)
def test_a_file_that_is_no_measured_table_is_told(
    text: str | None, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "table4.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(BenchError, match=problem):
        read_direct(path)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    tasks: tuple[str, ...] = ("vqa", "caption")
    found = [a_speed(name, 1.2, 1.3, task) for task in tasks for name in (FULL, "otmv", "vlpet")]
    plot(found, "cpu", tmp_path / "table4.png")
    assert (tmp_path / "table4.png").read_bytes().startswith(b"\x89PNG")


def test_a_job_crosses_to_another_process() -> None:
    job = Job("g", "caption", Work(224, 4, 8), ["full", "otmv"], "onnxruntime", 15, 0)
    assert Job.from_json(job.to_json()) == job


def test_a_task_without_its_gallery_is_told_and_the_next_goes_on(tmp_path: Path) -> None:
    measured = run_all(a_setup(tmp_path, ("vqa", "reason")), silent)
    assert measured.rows == []
    assert list(measured.failed) == ["vqa", "reason"]
    assert "manifest.json" in measured.failed["vqa"]


def test_exporting_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from loadtests.bench import artifacts

    monkeypatch.setattr(artifacts, "find_spec", lambda name: None)
    with pytest.raises(BenchError, match=r"table4-beit3_base-vqa-224 is not there .*\[export\]"):
        ensure_galleries(tmp_path, CPU, ["vqa"], silent)
