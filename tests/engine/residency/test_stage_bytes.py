from __future__ import annotations

from engine.residency.stage_bytes import StageBytes

SIZES = {"embed": 200, "pix": 3, "w0": 40, "w1": 40}
USED = {
    "stem[vqa]": ("embed", "pix"),
    "stem[decode]": ("embed",),
    "block[0]": ("w0",),
    "block_image[0]": ("w0",),
    "block[1]": ("w1",),
}


def test_a_mapped_table_is_counted_in_full_and_once() -> None:
    count = StageBytes(SIZES, USED)
    count.record("stem[vqa]", 10)
    count.record("stem[decode]", 5)
    assert count.of(["stem[vqa]"]) == 203
    assert count.of(["stem[decode]"]) == 200
    assert count.of(["stem[vqa]", "stem[decode]"]) == 203


def test_copies_of_the_same_weights_are_counted_each() -> None:
    count = StageBytes(SIZES, USED)
    count.record("block[0]", 45)
    count.record("block_image[0]", 41)
    assert count.of(["block[0]", "block_image[0]"]) == 86


def test_a_key_never_loaded_costs_what_its_kind_does() -> None:
    count = StageBytes(SIZES, USED)
    assert count.of(["block[1]"]) == 40
    count.record("block[0]", 45)
    assert count.of(["block[1]"]) == 45
    count.record("block[1]", 50)
    assert count.of(["block[1]"]) == 50


def test_a_second_load_that_reuses_pages_does_not_shrink_it() -> None:
    count = StageBytes(SIZES, USED)
    count.record("block[0]", 45)
    count.record("block[0]", 41)
    assert count.of(["block[0]"]) == 45
