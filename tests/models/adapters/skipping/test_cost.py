"""Every number of the DAS paper's Tables A and C that follows from shapes; all are the paper's."""

from __future__ import annotations

import pytest

from models.adapters.skipping import published
from models.adapters.skipping.cost import (
    AdapterShape,
    additional_operations,
    updated_parameters,
)

GIGA, MEGA = 1e9, 1e6
WITHIN_G, WITHIN_M = 0.02, 0.02

QUESTIONS_G = [
    (1.68, ""),
    (-9.06, "FV0 FV4"),
    (-11.16, "FL2 FL3 FV0 FV5"),
    (-17.58, "FL1 FL2 FL3 FV0 FV4 FV5"),
    (-24.00, "FL1 FL2 FL3 FL4 FV0 FV1 FV4 FV5"),
    (-3.96, "FV0 LEn6"),
    # The paper's row says 4 and names three; its number is that of four.
    (-4.51, "FV0 LEn9 LEn10 LEn11"),
    (-5.06, "FV0 LEn4 LEn6 LEn8 LEn10 LEn11"),
    (-5.61, "FV4 LEn4 LEn5 LEn6 LEn8 LEn9 LEn10 LEn11"),
]
STATEMENTS_G = [
    (0.99, ""),
    (-2.66, "FL4 FV5"),
    (-4.14, "FL2 FL3 FL5 FV5"),
    (-9.97, "FL3 FL4 FL5 FV1 FV3 FV4"),
    (-11.45, "FL1 FL2 FL3 FL4 FL5 FV0 FV3 FV4"),
    (-2.19, "FV5 LEn1"),
    (-3.67, "FL2 FL3 FV5 LEn4"),
    # The paper names FL6, which does not exist; its number is that of a vision layer.
    (-4.22, "FL2 FL5 FV5 LEn5 LEn6 LEn11"),
    (-8.34, "FL2 FL3 FL4 FL5 FV1 FV5 LEn4 LEn11"),
]
RETRIEVAL_G = [
    (1.68, ""),
    (-11.16, "FL4 FL5 FV0 FV3"),
    (-6.06, "FL2 FL5 FV0 LEn8"),
]
# The last row of Table B names three language and five vision layers, with the number of four and
# four: it is left out.
RANDOM_G = [
    (-11.16, "FL2 FL4 FV2 FV3"),
    (-11.16, "FL1 FL5 FV0 FV3"),
    (-11.16, "FL1 FL4 FV1 FV4"),
    (-17.58, "FL1 FL2 FL3 FV2 FV3 FV5"),
    (-17.58, "FL0 FL1 FL4 FV0 FV2 FV5"),
    (-17.58, "FL2 FL4 FL5 FV1 FV2 FV5"),
    (-24.00, "FL0 FL1 FL3 FL5 FV2 FV3 FV4 FV5"),
    (-24.00, "FL1 FL3 FL4 FL5 FV1 FV2 FV3 FV4"),
]


@pytest.mark.parametrize(
    ("image_size", "paper_g", "skipped"),
    [(384, *row) for row in (*QUESTIONS_G, *RETRIEVAL_G, *RANDOM_G)]
    + [(288, *row) for row in STATEMENTS_G],
)
def test_meter_costs_what_tables_a_and_b_say(image_size: int, paper_g: float, skipped: str) -> None:
    found = additional_operations(published.meter(image_size), skipped.split())
    assert found / GIGA == pytest.approx(paper_g, abs=WITHIN_G)


@pytest.mark.parametrize(("layer", "image_size", "paper_g"), [
    ("FV0", 384, 5.37), ("FL0", 384, 1.05), ("FV0", 288, 2.915), ("FL0", 288, 0.74),
])  # fmt: skip
def test_a_bare_fusion_layer(layer: str, image_size: int, paper_g: float) -> None:
    found = published.meter(image_size)[layer].operations
    assert found / GIGA == pytest.approx(paper_g, abs=0.006)


def test_replacing_a_fusion_layer_saves_the_bare_layer() -> None:
    layer = published.meter(384)["FV0"]
    norms = 2 * 5 * layer.tokens * layer.width
    assert layer.saved_operations == layer.operations + norms


@pytest.mark.parametrize(
    ("paper_g", "skipped"),
    [(0.73, ""), (-1.03, "En3"), (-1.03, "En5"), (-2.79, "En5 En11"), (-1.03, "En7")],
)
def test_vilt_costs_what_table_a_says_at_the_lengths_found_from_it(
    paper_g: float, skipped: str
) -> None:
    adapters = additional_operations(published.vilt(published.VILT_ADAPTED_TOKENS))
    saved = sum(published.vilt()[name].saved_operations for name in skipped.split())
    assert (adapters - saved) / GIGA == pytest.approx(paper_g, abs=WITHIN_G)


@pytest.mark.parametrize(
    ("paper_g", "skipped"),
    [
        (-3.71, "En10"),
        (-7.74, "En10 En11"),
        (-7.74, "En8 En10"),
        (-11.77, "En9 En10 En11"),
        (-11.77, "En7 En8 En10"),
    ],
)
def test_roberta_costs_what_table_c_says(paper_g: float, skipped: str) -> None:
    layers, names = published.roberta(), skipped.split()
    assert additional_operations(layers, names) / GIGA == pytest.approx(paper_g, abs=WITHIN_G)
    assert updated_parameters(layers, names) / MEGA == pytest.approx(0.63, abs=0.01)


def test_what_a_roberta_layer_saves() -> None:
    assert published.roberta()["En0"].operations / GIGA == pytest.approx(4.03, abs=0.006)


def test_the_other_methods_of_table_c() -> None:
    mam_operations, mam_parameters = published.roberta_mam()
    operations_g = {
        "prefix": (published.roberta_prefix(30), 1.20),
        "adapter": (additional_operations(published.roberta()), 0.33),
        "mam": (mam_operations, 0.79),
    }
    for found, paper in operations_g.values():
        assert found / GIGA == pytest.approx(paper, abs=WITHIN_G)
    parameters_m = {
        "full": (published.ROBERTA_PARAMETERS, 124.65),
        "bitfit": (published.roberta_biases(), 0.10),
        "lora": (published.roberta_lora(), 0.59),
        "adapter": (updated_parameters(published.roberta()), 0.63),
        "mam": (mam_parameters, 0.61),
    }
    for found, paper in parameters_m.values():
        assert found / MEGA == pytest.approx(paper, abs=WITHIN_M)


def test_sizes_of_the_released_adapters() -> None:
    found = [AdapterShape(768, inner).parameters for inner in (96, 288, 192)]
    assert found == [149_856, 444_960, 297_408]


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no layer 'FL6': there are FL0"):
        additional_operations(published.meter(288), ["FL6"])
