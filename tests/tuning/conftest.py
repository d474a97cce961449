from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tuning.pool import PicturePool, render_pool
from tuning.recipe import RECIPES, TUNING_SEED, Recipe


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only lose by sharing their work out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def smoke() -> Recipe:
    """A recipe of seconds."""
    return dataclasses.replace(RECIPES["smoke"], questions=4)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def pool(smoke: Recipe, cache: Path) -> PicturePool:
    side_px = smoke.config.image_size
    return render_pool(TUNING_SEED, smoke.pictures, smoke.questions, side_px, cache)
