from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from cli.commands.export.splits import draw_splits
from tuning.world.dataset import write_world
from tuning.world.errors import WorldError

VECTORS = ("embed_image", "embed_text")


def test_splits_share_no_picture_and_keep_cases_of_every_task() -> None:
    splits = draw_splits(None, 8)
    of_task = Counter(example.task for example in splits.golden)
    assert of_task == {"vqa": 600, "caption": 100, "reason": 600, **dict.fromkeys(VECTORS, 100)}
    assert Counter(example.task for example in splits.search) == {
        "vqa": 6 * 400,
        "caption": 400,
        "reason": 2 * 399,
        **dict.fromkeys(VECTORS, 200),
    }
    reported = {"vqa": 48, "caption": 8, "reason": 14, **dict.fromkeys(VECTORS, 7)}
    assert Counter(e.task for e in splits.report) == reported
    seen = {image for example in splits.report for image in example.images}
    assert seen.isdisjoint(image for example in splits.search for image in example.images)
    for judged in (e for e in splits.golden if e.task == "reason"):
        assert judged.statement
        assert len(judged.images) == 2


def test_a_world_from_before_there_were_statements_is_refused(tmp_path: Path) -> None:
    write_world(tmp_path / "old", 2, 5)
    (tmp_path / "old" / "nlvr2.jsonl").unlink()
    with pytest.raises(WorldError, match="write it anew with `otmv world`"):
        draw_splits(tmp_path / "old", 8)
