from __future__ import annotations

import base64
import io
import json
from collections import Counter

from PIL import Image

from loadtests.slo.workload import FACTORS, Cell, PlannedRequest, bodies, class_budgets, draw
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
