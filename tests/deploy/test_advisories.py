"""docs/advisories.md against pyproject.toml, requirements/ and what the code imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "advisories.md").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"][
    "targets"
]["wheel"]["packages"]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
OURS = {*PACKAGES, "deploy", "structure", "tests"}
TOOLS = {"dev", "rivals"}
"""Extras that no user installs."""
IMPORTED_AS = {
    "mlperf_loadgen": "mlcommons-loadgen",
    "PIL": "pillow",
    "pythonjsonlogger": "python-json-logger",
    "cuda": "cuda-bindings",
    "opentelemetry": "opentelemetry-sdk",
    "pydantic_core": "pydantic",
    "google": "protobuf",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "grpc_reflection": "grpcio-reflection",
    "open_inference": "open-inference-grpc",
}
NOT_LISTED = {"ray", "litserve", "mosec"}
"""The rivals: imported in processes of their own, for a benchmark."""


def mended() -> Iterator[tuple[str, Version]]:
    for package, fixed in re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([\d.]+) \| \[", PAGE, re.M):
        yield package, Version(fixed)


def known() -> set[str]:
    none_found = PAGE.split("## None found")[1]
    return {package for package, _ in mended()} | set(re.findall(r"`([\w-]+)`", none_found))


def floors() -> dict[str, list[Version]]:
    """Return the floors of each package, one for each place that names it."""
    lines = [*PROJECT["dependencies"]]
    for extra, more in PROJECT["optional-dependencies"].items():
        lines += more if extra not in TOOLS else []
    found = defaultdict(list)
    for requirement in map(Requirement, lines):
        (floor,) = (one.version for one in requirement.specifier if one.operator == ">=")
        found[canonicalize_name(requirement.name)].append(Version(floor))
    return found


def test_no_floor_lets_in_a_version_that_an_advisory_names() -> None:
    rows, allowed = list(mended()), floors()
    assert len(rows) > 40
    for package, fixed in rows:
        assert allowed[package], f"{package} has no floor in pyproject.toml"
        assert min(allowed[package]) >= fixed, package


def test_no_lock_has_a_version_that_an_advisory_names() -> None:
    worst = defaultdict(lambda: Version("0"))
    for package, fixed in mended():
        worst[package] = max(worst[package], fixed)
    for path in LOCKS:
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text("utf-8"), re.M):
            assert Version(version) >= worst[canonicalize_name(name)], f"{path.name}: {name}"


def test_every_requirement_was_looked_up() -> None:
    assert set(floors()) <= known()


def test_everything_imported_is_a_requirement_that_was_looked_up() -> None:
    modules = set()
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    modules |= {alias.name.split(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    modules.add(node.module.split(".")[0])
    foreign = modules - OURS - set(sys.stdlib_module_names) - NOT_LISTED
    named = {IMPORTED_AS.get(module, canonicalize_name(module)) for module in foreign}
    assert {"starlette", "pillow", "httptools"} <= named
    assert named <= set(floors())


def test_make_audit_fails_if_the_database_has_not_heard_of_a_package() -> None:
    """Without --strict, pip-audit skips it and says that nothing was found."""
    calls = re.findall(r"pip-audit (.+)", (ROOT / "Makefile").read_text("utf-8"))
    assert calls
    assert all("--strict" in words.split() for words in calls)
