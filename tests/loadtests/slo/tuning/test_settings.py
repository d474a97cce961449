from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from loadtests.kit.errors import BenchError
from loadtests.slo.tuning.settings import RivalSettings, read_settings, settings_file

FOUND = RivalSettings(8, 5, 4, 2, workers=2, spin=False)


def test_what_tuning_writes_is_read_for_each_rival_and_variant(tmp_path: Path) -> None:
    for variant in ("d3", "full"):
        path = settings_file(tmp_path, "mosec", variant)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"settings": asdict(FOUND), "trials": []}))
    found = read_settings(tmp_path, ["mosec"], ["d3", "full"])
    assert found == {"mosec": {"d3": FOUND, "full": FOUND}}


@pytest.mark.parametrize(
    "text", [None, "no JSON", "{}", '{"settings": {}}', '{"settings": {"max_batch": "many"}}', "[]"]
)
def test_what_is_no_settings_file_is_one_line_that_says_what_to_do(
    text: str | None, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "ray").mkdir()
        (tmp_path / "ray/full.json").write_text(text)
    with pytest.raises(BenchError, match=r"full\.json.*otmv bench slo --tune-rivals") as refused:
        read_settings(tmp_path, ["ray"], ["full"])
    assert len(str(refused.value).splitlines()) == 1
