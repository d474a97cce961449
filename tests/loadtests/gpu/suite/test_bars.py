from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadtests.gpu.suite.bars import bars
from loadtests.gpu.suite.plot import plot
from loadtests.gpu.suite.run import PartOutcome
from loadtests.gpu.suite.tables import plain, tables
from loadtests.kit.bars import Bar
from loadtests.simulate.bars import one_key_bars
from loadtests.simulate.study import SLACKFIT, Result, fixed_name
from loadtests.simulate.world import SimulatedDevice, SimulatedOutcome


def row(speed: float, ideal: float) -> dict[str, Any]:
    quartiles = {"median": speed, "low": speed - 0.01, "high": speed + 0.01, "n": 15}
    return {
        "ms": {"median": 20 / speed, "low": 0.0, "high": 0.0, "n": 15},
        "speed": quartiles,
        "ideal": ideal,
        "share": round(speed / ideal, 4),
        "paper": None,
    }


def outcomes(**methods: dict[str, Any]) -> dict[str, PartOutcome]:
    column = {"methods": {"full": row(1.0, 1.0), **methods}}
    ratio = {"low": 1.0, "high": 1.0, "n": 15}
    steps = {
        "plain": {
            "stages": {"block": {"fixed_us": 20.0, "row_us": 55.5, "worst": 0.04}},
            "block_flops": 4e14,
            "peak_share": 0.4,
            "idle": {"idle_share": 0.02, "host_us_per_decision": 90.0},
        },
        "compiled": {
            "block_flops": 6e14,
            "peak_share": 0.6,
            "composed": {
                "1": {"ratio": {"median": 1.2, **ratio}, "answers_apart": 0.001},
                "8": {"ratio": {"median": 1.01, **ratio}, "answers_apart": 0.001},
                "32": {"ratio": {"median": 1.02, **ratio}, "answers_apart": 0.001},
            },
        },
    }
    return {
        "table4": PartOutcome("done", {"vqa": column}),
        "steps": PartOutcome("done", steps),
        "simulator": PartOutcome("failed", {}, "KeyError: x"),
    }


def named(found: list[Bar], name: str) -> Bar:
    return next(bar for bar in found if bar.name == f"gpu.{name}")


def test_bars_of_table_4() -> None:
    found = bars(outcomes(otmv=row(1.64, 1.7), upop=row(1.10, 1.21)), "")
    assert named(found, "table4.vqa.otmv-speedup").verdict == "ok"
    worst = named(found, "table4.vqa.least-share-of-ideal")
    assert worst.measured == pytest.approx(1.10 / 1.21, abs=1e-4)
    assert worst.spread.startswith("upop; without onceforall")
    assert named(found, "table4.vqa.inverted-pairs").measured == 0


def test_an_inverted_pair_is_counted_only_where_the_ideals_clearly_differ() -> None:
    inverted = outcomes(otmv=row(1.1, 1.7), upop=row(1.2, 1.21), flextron=row(1.19, 1.25))
    bar = named(bars(inverted, ""), "table4.vqa.inverted-pairs")
    assert bar.measured == 2
    assert "upop before otmv" in bar.spread
    assert "flextron before otmv" in bar.spread
    assert bar.verdict == "short"


def test_bars_of_steps_take_the_fused_form_where_it_was_measured() -> None:
    found = bars(outcomes(), "")
    assert named(found, "steps.block-share-of-peak").measured == 0.6
    assert named(found, "steps.idle-share").spread == "plain kernels"
    composed = named(found, "steps.composed-over-whole")
    assert composed.measured == 1.02
    assert composed.spread.startswith("batch 32")


def test_a_bar_that_was_not_run_says_why() -> None:
    some = outcomes()
    some["table4"].found["vqa"]["methods"]["otmv"] = {"error": "OutOfMemoryError: too large"}
    found = bars(some, "")
    assert named(found, "table4.vqa.otmv-speedup").spread == "OutOfMemoryError: too large"
    assert named(found, "table4.reason.otmv-speedup").verdict == "not-run"
    slackfit = named(found, "simulate.1key.mean-minus-slackfit")
    assert slackfit.line().endswith("not-run (simulator failed: KeyError: x)")
    assert all(bar.spread for bar in bars({}, "")), "nothing ran at all"


def test_another_machine_claims_nothing() -> None:
    found = bars(outcomes(otmv=row(1.64, 1.7)), "measured at size tiny on cpu")
    assert {bar.verdict for bar in found} == {"not-run"}
    assert {bar.spread for bar in found} == {"measured at size tiny on cpu"}
    assert [bar.name for bar in found] == [bar.name for bar in bars(outcomes(), "")]


def test_the_simulators_bars_are_those_named_when_it_did_not_run() -> None:
    world = SimulatedDevice(depths=(1, 2), quality=(50.0, 60.0))
    played = [
        SimulatedOutcome(policy, 10, 1.0, 60.0)
        for policy in ("elastic", SLACKFIT, fixed_name(world, 0), fixed_name(world, 1))
    ]
    real = one_key_bars([Result("p", 0, tuple(played), None)], world)
    absent = [bar for bar in bars({}, "") if bar.name.startswith("gpu.simulate.")]
    assert [(bar.name, bar.limit) for bar in absent] == [
        (f"gpu.{bar.name}", bar.limit) for bar in real
    ]


def test_tables_are_text_too() -> None:
    some = outcomes(otmv=row(1.64, 1.7), upop={"error": "RuntimeError: [bold] no"})
    shown = {table.title: plain(table) for table in tables(some)}
    assert "simulator  failed  0.0      KeyError: x" in shown["parts"]
    assert "1.640 (1.630-1.650)" in shown["Table 4: vqa"]
    assert "RuntimeError: [bold] no" in shown["Table 4: vqa"]
    steps = " ".join(shown["steps, plain kernels"].split())
    assert "block: a + b rows 20.0 + 55.50 us worst 4% off" in steps
    assert "composed / whole, batch 8" in shown["steps, compiled kernels"]


def test_the_picture_is_drawn_if_there_is_something_to_draw(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert plot(outcomes(otmv=row(1.64, 1.7)), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert not plot({}, tmp_path / "b.png")
