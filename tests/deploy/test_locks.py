"""requirements/: whole, by hashes, one version everywhere, and what `make` installs from."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.supply.lock import DEVELOP, OTHERS, Lock
from deploy.supply.torch_cpu import TORCH_CPU_SHA256

ROOT = Path(__file__).parents[2]
LOCKS = (DEVELOP, *OTHERS)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
ASKED_FOR_ALONE = {
    "rivals",
    "reference",
    "build",
    "supply",
    "fuzz",
    "mutants",
    "lock",
    "api",
    "clients",
}
"""Environments of their own."""


def pinned(lock: Lock) -> dict[str, str]:
    text = lock.path.read_text("utf-8")
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)
    }


def test_every_file_is_one_that_make_lock_writes() -> None:
    assert {path.name for path in (ROOT / "requirements").iterdir()} == {
        lock.path.name for lock in LOCKS
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_has_one_version_and_hashes_and_no_address(lock: Lock) -> None:
    text = lock.path.read_text("utf-8")
    assert "://" not in text
    assert "--index" not in text
    packages = re.split(r"(?m)^(?=\S)", text)[2:]
    assert packages
    for package in packages:
        first, *hashes = package.split(" \\\n")
        assert re.match(r"[\w.-]+==[\w.!+]+( ; .+)?$", first), first
        assert hashes, first
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64}\s*", line) for line in hashes), first


@pytest.mark.parametrize(
    "lock", [lock for lock in LOCKS if lock.project], ids=lambda lock: lock.name
)
def test_what_the_project_asks_for_is_pinned_within_its_range(lock: Lock) -> None:
    wanted = [*PROJECT["dependencies"]]
    for extra in lock.extras if lock is not DEVELOP else ():
        wanted += PROJECT["optional-dependencies"][extra]
    versions = pinned(lock)
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)])


def test_one_package_has_one_version_wherever_it_is_served_or_developed_with() -> None:
    found = defaultdict(set)
    for lock in LOCKS:
        if lock.name not in ASKED_FOR_ALONE:
            for name, version in pinned(lock).items():
                found[name].add(version)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


@pytest.mark.parametrize("name", ["develop", "torch"])
def test_both_builds_of_torch_are_taken(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")
    of_torch = text[text.index("\ntorch==") :].split("\n\n")[0]
    assert all(f"sha256:{sha256}" in of_torch for sha256 in TORCH_CPU_SHA256)


def test_nothing_is_installed_by_make_but_by_its_hash() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^HASHED += .*--require-hashes ", makefile, re.M)
    for line in re.findall(r"^.*\bpip (?:--python \S+ )?install.*$", makefile, re.M):
        assert "$(HASHED)" in line or "--no-deps --no-build-isolation --editable ." in line, line
