"""Intervals over seeds, and which way a claim goes."""

from __future__ import annotations

import pytest

from loadtests.tuning.ablate import estimate as estimate_
from loadtests.tuning.ablate.plans import depth
from loadtests.tuning.ablate.plans.plain import LONGER, PLAIN, long_enough
from loadtests.tuning.ablate.plans.skip_probability import SKIP_PROBABILITY, arm
from loadtests.tuning.ablate.scale import EASY, QUICK
from loadtests.tuning.ablate.statistics import by_seed, difference, estimate
from loadtests.tuning.ablate.summary import Claim
from tests.loadtests.tuning.ablate.made_up import found_by


def test_an_interval_covers_what_drawing_seeds_again_gives() -> None:
    found = estimate([1.0, 2.0, 6.0])
    assert (found.mean, found.low, found.high) == (3.0, 1.0, 6.0)
    assert estimate([2.0]).record() == {"mean": 2.0, "interval": [2.0, 2.0], "values": [2.0]}


def test_differences_are_of_the_same_seed() -> None:
    found = difference([10.0, 20.0, 30.0], [9.0, 19.0, 29.0])
    assert (found.mean, found.low, found.high) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="zip"):
        difference([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("values", "bound", "below", "verdict"),
    [
        ([0.2, 0.3, 0.4], 0.0, False, "as the paper"),
        ([-0.2, -0.3, -0.4], 0.0, False, "the other way"),
        ([-0.2, 0.3, 0.4], 0.0, False, "no difference seen"),
        ([0.1, 0.1, 0.1], 0.15, True, "as the paper"),
        ([0.2, 0.3, 0.2], 0.15, True, "the other way"),
    ],
)
def test_a_claim_goes_as_the_whole_interval_lies(
    values: list[float], bound: float, below: bool, verdict: str
) -> None:
    claim = Claim("it", "more", estimate(values), bound=bound, below=below)
    assert claim.verdict == verdict
    assert claim.line().startswith(f"{verdict.upper()}  it: ours ")
    assert "the paper: more" in claim.line()


def test_without_a_word_of_the_paper_a_claim_says_where_it_lies() -> None:
    assert Claim("it", None, estimate([1.0, 2.0, 3.0])).verdict == "higher"
    low = Claim("it", None, estimate([-1.0, -2.0]))
    assert low.verdict == "lower"
    assert "(-2.00 to -1.00, all 2 seeds); the paper: nothing" in low.line()


def test_runs_are_too_short_where_twice_the_steps_gain_more_than_two_points() -> None:
    runs = SKIP_PROBABILITY.runs(QUICK)
    found = found_by(runs)
    (longer,) = by_seed(runs, LONGER, EASY)
    usual = by_seed(runs, PLAIN, EASY)[0]
    full = str(QUICK.orders)
    for gained, verdict in ((0.019, "ok"), (0.021, "short")):
        reached = found[usual.key]["quality"]["vqa"][full]
        found[longer.key]["quality"]["vqa"][full] = reached + gained
        assert long_enough(QUICK, runs, found, EASY).verdict == verdict


def test_an_arm_that_was_not_run_is_named() -> None:
    with pytest.raises(ValueError, match=r"no runs of p = 0\.3 on easy-vqa"):
        by_seed(SKIP_PROBABILITY.runs(QUICK), arm(0.3), EASY)


def test_what_was_measured_decides_the_claims() -> None:
    runs = SKIP_PROBABILITY.runs(QUICK)
    found = found_by(runs)
    for p, share in ((0.01, 0.3), (0.05, 0.6), (0.1, 0.6), (0.2, 0.55)):
        for run in by_seed(runs, arm(p), EASY):
            found[run.key]["quality"]["vqa"] = {str(d): share for d in range(1, 7)}
    claims = [c for c in SKIP_PROBABILITY.summarise(QUICK, runs, found).claims if EASY in c.about]
    assert [claim.verdict for claim in claims] == ["as the paper", "the other way", "as the paper"]
    assert [round(claim.ours.mean, 6) for claim in claims] == [30.0, -5.0, 5.0]


def test_the_time_of_a_run_is_its_steps_its_measuring_and_its_share_of_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(estimate_, "run_child", lambda *words: '{"step_cpu_s": 0.1}')
    runs = depth.runs(QUICK)
    expected_s = estimate_.seconds_of(runs, lambda what, share: None)
    once = next(run for run in runs if run.arm == depth.ONCE)
    apart = next(run for run in runs if run.as_long_as is not None)
    steps = QUICK.steps[EASY]
    assert 12 + 0.1 * steps < expected_s[once.key] < 12 + 0.1 * (steps + 60)
    share = 1 / len(depth.depths_of(QUICK))
    assert expected_s[apart.key] == pytest.approx(12 + share * expected_s[once.key])
