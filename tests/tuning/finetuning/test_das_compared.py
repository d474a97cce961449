"""`otmv bench das`: every side is tuned as said, and what it came to is what is left on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands.bench.das import bars_of
from models.checkpoint import load
from tests.tuning.finetuning.tiny import made, recipe
from tuning.finetuning.das_compared import (
    BYPASS,
    BYPASS_OF_DAS,
    DAS,
    RANDOM,
    DasComparison,
    DasOutcome,
    compare,
    record,
)


@pytest.fixture(scope="module")
def base(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    said = recipe(squares, run={"steps": 2})
    said["tasks"] = {"vqa": said["tasks"]["vqa"]}
    out = tmp_path_factory.mktemp("base")
    made(said).run(out)
    return out


def test_all_sides_are_tuned_and_measured(squares: Path, base: Path, tmp_path: Path) -> None:
    said = DasComparison(
        checkpoint=str(base),
        tunes=str(squares),
        reports=str(squares),
        skipped=2,
        bypass=(1, 2),
        subnetworks=2,
        steps=2,
        search_steps=12,
        warmup_steps=1,
        batch=4,
        beside=3,
        replacing=6,
        hold_out=4,
        reports_split="dev",
    )
    shares: list[float] = []
    found, untuned = compare(said, tmp_path, lambda what, share: shares.append(share))
    assert [each.name for each in found] == [DAS, BYPASS, BYPASS_OF_DAS, RANDOM, RANDOM]
    assert found[1].skipped == (1, 2)
    assert found[2].skipped == found[0].skipped
    assert len({each.seed for each in found if each.name == RANDOM}) == 2
    replacing = 3 * 16 + 6 + 2 * 16 * 6
    assert found[0].tuned_parameters == found[1].tuned_parameters + 2 * replacing
    for each in found:
        left = load(tmp_path / f"{each.name}-{each.group}-{each.seed}").model.config
        assert left.skipping is not None
        assert left.skipping.variants == (each.skipped,)
        assert left.replaces == (each.name in (DAS, RANDOM))
    assert shares == sorted(shares)
    assert set(untuned) == {"full", "bypass", "bypass_orders"}
    assert json.loads(json.dumps(record(said, found, untuned)))["runs"][0]["name"] == DAS
    again, _ = compare(said, tmp_path, lambda what, share: None)
    assert [each.quality for each in again] == [each.quality for each in found]


def outcome(name: str, group: int, quality: float) -> DasOutcome:
    return DasOutcome(name, 0, group, (1,), quality, 1, 0.0)


def test_bars_need_three_seeds_and_are_of_means() -> None:
    found = [
        outcome(name, group, quality)
        for group in range(3)
        for name, quality in ((DAS, 0.8), (BYPASS, 0.7), (BYPASS_OF_DAS, 0.81), (RANDOM, 0.76))
    ]
    found += [outcome(RANDOM, group, 0.78) for group in range(3)]
    random, bypass, of_das = bars_of(found)
    assert random.measured == pytest.approx(3.0)
    assert (random.verdict, bypass.verdict, of_das.verdict) == ("ok", "ok", "short")
    assert of_das.measured == pytest.approx(-1.0)
    one = bars_of([each for each in found if each.group == 0])
    assert {each.verdict for each in one} == {"not-run"}
    assert one[0].spread.startswith("+3.00 points, 1 visit")
