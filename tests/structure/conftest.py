"""This repository, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from structure.tree import Tree


@pytest.fixture(scope="session")
def repository() -> Tree:
    return Tree.of_git(Path(__file__).parents[2])
