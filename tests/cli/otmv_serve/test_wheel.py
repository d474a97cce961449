"""What the build backend puts into the wheel; test_installed.py beside it installs it."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from structure.tree import PACKAGES, Tree

pytest.importorskip("hatchling", reason="the build backend: pip install -r requirements/build.txt")

from hatchling.builders.wheel import WheelBuilder
from trove_classifiers import classifiers

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
INSTALLED = {name for name in PACKAGES if name != "deploy" and (ROOT / name).is_dir()}
INSIDE = "otmv_serve/application/"


@cache
def in_wheel() -> dict[str, str]:
    """Return each file's place in the wheel, by its path in the repository."""
    return {
        file.relative_path: file.distribution_path
        for file in WheelBuilder(str(ROOT)).recurse_included_files()
    }


def test_site_packages_gets_one_name() -> None:
    assert {place.partition("/")[0] for place in in_wheel().values()} == {"otmv_serve"}


def test_every_file_of_our_packages_is_in_it_and_nothing_else() -> None:
    tracked = {
        path
        for path in Tree.of_git(ROOT).files
        if path.partition("/")[0] in INSTALLED and not path.startswith("loadtests/results/")
    }
    expected = {path: path if path.startswith("otmv_serve/") else INSIDE + path for path in tracked}
    assert in_wheel() == expected
    assert {"loadtests/slo/quality_curve.json", "monitoring/report/page.css"} <= in_wheel().keys()


def test_the_command_and_the_types_are_in_it() -> None:
    module, _, function = PROJECT["project"]["scripts"]["otmv"].partition(":")
    place = module.replace(".", "/") + ".py"
    assert in_wheel()[place] == place
    assert f"def {function}(" in (ROOT / place).read_text("utf-8")
    assert "otmv_serve/py.typed" in in_wheel().values()


def test_what_it_says_of_itself_exists() -> None:
    said = PROJECT["project"]["classifiers"]
    assert set(said) <= classifiers
    versions = re.findall(r"Python :: (3\.\d+)$", "\n".join(said), re.M)
    assert versions == ["3.11", "3.12", "3.13"]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
