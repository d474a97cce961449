from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.engine.comparisons import COMPARISONS, Comparison

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("comparison", COMPARISONS, ids=lambda comparison: comparison.name)
def test_every_comparison_has_a_module_and_a_line_in_the_docs(comparison: Comparison) -> None:
    assert (ROOT / "loadtests/engine/comparisons" / f"{comparison.module}.py").is_file()
    assert f"`{comparison.name}`" in (ROOT / "docs/benchmarks/method.md").read_text("utf-8")
