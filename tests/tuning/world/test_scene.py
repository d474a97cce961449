from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tuning.world.dataset import example, scene_of
from tuning.world.errors import WorldError
from tuning.world.scene import BOARD_CELLS, COLORS, MAX_OBJECTS, SHAPES, SIZES

SCENES = [scene_of(5, index) for index in range(1500)]
CELL = 1 / BOARD_CELLS


def test_objects_are_in_reading_order_in_distinct_cells_and_never_alike():
    for scene in SCENES:
        cells = [(item.row, item.column) for item in scene.objects]
        assert cells == sorted(set(cells))
        kinds = {(item.size, item.color, item.shape) for item in scene.objects}
        assert len(kinds) == len(scene.objects)


def test_every_object_stays_inside_its_cell():
    for scene in SCENES:
        for item in scene.objects:
            for center, cell in ((item.center_x, item.column), (item.center_y, item.row)):
                assert center - item.radius > cell * CELL
                assert center + item.radius < (cell + 1) * CELL


def test_sizes_never_overlap_and_objects_stay_near_the_middle_of_their_cells():
    items = [item for scene in SCENES for item in scene.objects]
    radii = {size: [item.radius for item in items if item.size == size] for size in SIZES}
    assert max(radii["small"]) < 0.8 * min(radii["large"])
    for axis in ("x", "y"):
        cells = [item.column if axis == "x" else item.row for item in items]
        centers = [getattr(item, f"center_{axis}") for item in items]
        moves = [abs(c - (cell + 0.5) * CELL) for c, cell in zip(centers, cells, strict=True)]
        assert 0.01 < max(moves) <= 0.012


def test_counts_and_attributes_are_about_uniform():
    counts = Counter(len(scene.objects) for scene in SCENES)
    assert sorted(counts) == list(range(1, MAX_OBJECTS + 1))
    assert max(counts.values()) < 1.3 * min(counts.values())
    for attribute, values in (("color", COLORS), ("shape", SHAPES), ("size", SIZES)):
        seen = Counter(getattr(item, attribute) for scene in SCENES for item in scene.objects)
        assert set(seen) == set(values)
        assert max(seen.values()) < 1.2 * min(seen.values())


def test_a_scene_depends_on_seed_and_index_alone():
    assert scene_of(5, 3) == SCENES[3]
    assert len({scene_of(seed, index) for seed in range(30) for index in range(30)}) == 900
    scene, few, _ = example(5, 3, 2)
    assert scene == SCENES[3]
    assert example(5, 3, 6)[1][:2] == few


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed: int):
    with pytest.raises(WorldError, match="out of range: use 0 to 4294967295"):
        scene_of(seed, 0)


def test_the_largest_seed_works():
    assert isinstance(scene_of(2**32 - 1, 0).ground_seed, int)
    assert np.isfinite(scene_of(2**32 - 1, 0).objects[0].radius)
