"""A bill of materials is held against what is pinned, and says nothing of its machine."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from deploy.supply.sbom import problems

NEEDED = ("fastapi", "onnxruntime", "pillow", "starlette", "uvicorn")
LOCK = "# of a test\n" + "".join(f"{name}==1.2 \\\n    --hash=sha256:00\n" for name in NEEDED)
GOOD: dict[str, Any] = {
    "bomFormat": "CycloneDX",
    "metadata": {"component": {"name": "otmv-serve"}},
    "components": [{"name": name.title(), "version": "1.2"} for name in NEEDED],
}


def test_a_good_one_passes() -> None:
    assert list(problems(GOOD, LOCK, {"/home/me/"})) == []


@pytest.mark.parametrize(
    ("where", "wrong", "said"),
    [
        (("bomFormat",), "SPDX", "no CycloneDX"),
        (("metadata", "component", "name"), "other", "not about otmv-serve"),
        (("components", 0, "version"), "1.1", "fastapi 1.1 is not what is pinned: 1.2"),
        (("components", 1, "name"), "pip", "pip 1.2 is not what is pinned: None"),
        (("components", 2, "url"), "file:///home/me/wheel", "says '/home/me/'"),
    ],
)
def test_what_is_wrong_is_said(where: tuple[Any, ...], wrong: str, said: str) -> None:
    document = copy.deepcopy(GOOD)
    place: Any = document
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = wrong
    assert any(said in problem for problem in problems(document, LOCK, {"/home/me/"}))
