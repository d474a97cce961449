from __future__ import annotations

import base64
import io
import json
from collections import Counter

import pytest
from PIL import Image

from loadtests.slo.workload import (
    FACTORS,
    Cell,
    CellLength,
    PlannedRequest,
    bodies,
    class_budgets,
    draw,
    plan_cell,
)
from tests.loadtests.slo.made_up_rows import SOLO_S


def test_offers_are_seeded_sorted_and_their_classes_equal_in_number() -> None:
    cell = Cell(2.0, 4.0)
    offers = draw(cell, 12.5, 20.0, 3)
    assert offers == draw(cell, 12.5, 20.0, 3)
    assert offers != draw(cell, 12.5, 20.0, 4)
    assert [offer.at_s for offer in offers] == sorted(offer.at_s for offer in offers)
    counts = Counter(offer.factor for offer in offers)
    assert set(counts) == set(FACTORS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_body_holds_the_picture_and_the_budget_of_its_class() -> None:
    texts = bodies(class_budgets(SOLO_S), 0)
    assert texts == bodies(class_budgets(SOLO_S), 0)
    offer = PlannedRequest(0.0, 8, 5)
    body = json.loads(texts[offer.send.body])
    assert body["budget"] == {"max_latency_ms": 800.0, "on_miss": "reject"}
    same = json.loads(texts[PlannedRequest(0.0, 2, 5).send.body])
    assert (same["image"], same["question"]) == (body["image"], body["question"])
    with Image.open(io.BytesIO(base64.b64decode(body["image"]))) as image:
        assert image.format == "JPEG"


@pytest.mark.parametrize("cell", [Cell(0.5, 4.0), Cell(0.5, 1.0), Cell(2.0, 4.0)])
@pytest.mark.parametrize("seed", [0, 7])
def test_a_cell_has_enough_requests_and_seconds_after_its_warm_part(cell: Cell, seed: int) -> None:
    length = CellLength(warm_s=4.0, least_s=20.0, least_requests=200)
    planned = plan_cell(cell, 10.0, length, seed)
    assert planned == plan_cell(cell, 10.0, length, seed)
    assert planned != plan_cell(cell, 10.0, length, seed + 1)
    counted = [each for each in planned.requests if each.at_s >= planned.warm_s]
    assert len(counted) >= 200
    assert planned.seconds >= 20.0
    assert len(counted) == 200 or planned.seconds < 20.0 + 3.0  # no longer than it must
    assert max(each.at_s for each in counted) < planned.warm_s + planned.seconds
    assert len(planned.requests) - len(counted) == pytest.approx(4 * 10 * cell.load, abs=30)
    counts = Counter(each.factor for each in counted)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counted) / planned.seconds == pytest.approx(10 * cell.load, rel=0.4)


def test_a_cell_lasts_as_long_as_was_expected() -> None:
    length, cell = CellLength(), Cell(0.5, 1.0)
    planned = plan_cell(cell, 9.5, length, 3)
    expected_s = length.expected_s(cell, 9.5)
    assert expected_s == pytest.approx(4 + 200 / 4.75)
    assert length.warm_s + planned.seconds == pytest.approx(expected_s, rel=0.2)
    assert length.expected_s(Cell(2.0, 1.0), 9.5) == 24
