from __future__ import annotations

import pytest

from loadtests.kit.errors import BenchError
from loadtests.table4.presets import CPU, LARGE, PRESETS, preset_named
from monitoring.table4 import COLUMNS


def test_presets_have_every_task_at_their_size() -> None:
    assert preset_named("cpu") is CPU
    assert CPU.gallery("vqa") == "table4-beit3_base-vqa-224"
    assert LARGE.gallery("caption") == "table4-beit3_large-caption-480"
    for preset in PRESETS.values():
        assert set(preset.work) == set(COLUMNS)
        assert [task for task, work in preset.work.items() if work.words] == ["caption"]
    with pytest.raises(BenchError, match="no preset 'gpu'; there are cpu, paper"):
        preset_named("gpu")
