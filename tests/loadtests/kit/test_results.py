from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from loadtests.kit import results as writer
from loadtests.kit.bars import Bar
from loadtests.kit.errors import BenchError
from loadtests.kit.origin import CHANGES, ROOT, Origin, code_hash, commit_here, is_clean
from loadtests.kit.results import check_place, results, results_file, write_results


def test_the_file_says_where_numbers_come_from(tmp_path: Path) -> None:
    bars = [Bar("a", 1.0, 1.05, False, "", {"pairs": 15}), Bar("b", None, 2.0, True, "why")]
    path = tmp_path / "new" / "engine.json"
    made = results(Origin("otmv bench engine", 3), {"pairs": 15}, bars)
    write_results(path, made)
    found = json.loads(path.read_text())
    assert found == made
    assert (found["seed"], found["command"], found["pairs"]) == (3, "otmv bench engine", 15)
    assert {"machine", "commit", "libraries", "seed", "command", "bars"} <= set(found)
    assert found["libraries"]["numpy"] == np.__version__
    assert [bar["verdict"] for bar in found["bars"]] == ["ok", "not-run"]
    assert [each.name for each in path.parent.iterdir()] == ["engine.json"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "loadtests/results").mkdir(parents=True)
    for name in ("code.py", "loadtests/results/old.json"):
        (tmp_path / name).write_text("1")
    for words in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", "first"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return tmp_path


def test_a_commit_says_whether_the_code_differs_from_it(tree: Path) -> None:
    commit = commit_here(tree)
    assert len(commit) == 12
    assert is_clean(commit)
    (tree / "loadtests/results/old.json").write_text("2")  # nothing is measured with results
    (tree / "notes.txt").write_text("not tracked")
    assert commit_here(tree) == commit
    (tree / "code.py").write_text("2")
    assert commit_here(tree) == commit + CHANGES
    assert not is_clean(commit + CHANGES)
    assert commit_here(tree / "loadtests") == ""  # no work tree of its own
    assert not is_clean("")


@pytest.mark.parametrize("commit", ["abc" + CHANGES, ""])
def test_what_is_committed_is_not_written_from_an_unclean_tree_unless_told(
    commit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "ROOT", tmp_path)
    monkeypatch.setattr(writer, "commit_here", lambda: commit)
    path = tmp_path / "loadtests/results/engine.json"
    with pytest.raises(BenchError, match=r"not a clean commit.*--dirty-ok"):
        write_results(path, {"commit": commit})
    with pytest.raises(BenchError):
        check_place(path)
    with pytest.raises(argparse.ArgumentTypeError, match="not a clean commit"):
        results_file(str(path))
    assert not path.exists()
    write_results(path, {"commit": commit, "dirty_ok": True})
    assert json.loads(path.read_text())["dirty_ok"] is True
    elsewhere = tmp_path / "runs/engine.json"
    check_place(elsewhere)
    assert results_file(str(elsewhere)) == elsewhere
    write_results(elsewhere, {"commit": commit})
    write_results(path, {"commit": "abc"})


def test_the_place_is_found_by_whatever_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "commit_here", lambda: "abc" + CHANGES)
    monkeypatch.chdir(ROOT)
    for path in ("loadtests/results/a.json", "docs/../loadtests/a.json"):
        with pytest.raises(BenchError):
            check_place(Path(path))


def test_the_hash_of_code_changes_with_the_code_alone(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.py").write_text("1")
    (tmp_path / "two.py").write_text("2")
    places = ("a", "two.py")
    first = code_hash(places, tmp_path)
    (tmp_path / "a/notes.md").write_text("no code")
    (tmp_path / "other.py").write_text("elsewhere")
    assert code_hash(places, tmp_path) == first
    (tmp_path / "a/one.py").write_text("3")
    assert code_hash(places, tmp_path) != first
    with pytest.raises(FileNotFoundError):
        code_hash(("none.py",), tmp_path)
