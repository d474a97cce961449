from __future__ import annotations

import json
from pathlib import Path

import pytest

from loadtests.kit import journal
from loadtests.kit.errors import BenchError

RUN = {"machine": "two cores", "options": {"seed": 0, "cells": [1, 2]}}


def test_what_was_measured_is_there_for_the_next_run(tmp_path: Path) -> None:
    path = tmp_path / "new" / "run.jsonl"
    with journal.opened(path, RUN) as first:
        assert first.get("a") is None
        first.add("a", {"score": 1.5})
        assert first.get("a") == {"score": 1.5}
        # on the disk before the block ends
        assert json.loads(path.read_text().splitlines()[1]) == {"key": "a", "value": {"score": 1.5}}
    with journal.opened(path, RUN) as second:
        assert second.get("a") == {"score": 1.5}
        assert "b" not in second
        second.add("b", None)
    with journal.opened(path, RUN) as third:
        assert "b" in third


def test_a_half_written_entry_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with journal.opened(path, RUN) as begun:
        begun.add("a", 1)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"key": "b", "val')
    with journal.opened(path, RUN) as resumed:
        assert (resumed.get("a"), "b" in resumed) == (1, False)
        resumed.add("b", 2)
    with journal.opened(path, RUN) as again:
        assert again.get("b") == 2
    path.write_bytes(b'{"mach')  # not even its first line
    with journal.opened(path, RUN) as anew:
        assert "a" not in anew


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({**RUN, "machine": "four cores"}, 'machine was "two cores" and is "four cores"'),
        ({**RUN, "options": {"seed": 1}}, "options was"),
        ({"machine": "two cores"}, "options was"),
        ({**RUN, "code": "abc"}, 'code was null and is "abc"'),
    ],
)
def test_another_runs_journal_is_refused_in_one_line_and_kept(
    other: dict[str, object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    with journal.opened(path, RUN) as begun:
        begun.add("a", 1)
    before = path.read_bytes()
    with pytest.raises(BenchError) as refused, journal.opened(path, other):
        pass
    assert said in str(refused.value)
    assert "--fresh" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert path.read_bytes() == before
    with journal.opened(path, other, fresh=True) as anew:
        assert anew.get("a") is None


def test_what_is_no_journal_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("some notes\nof mine\n")
    with pytest.raises(BenchError, match="no journal"), journal.opened(path, RUN):
        pass
    assert path.read_text() == "some notes\nof mine\n"


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with journal.opened(path, RUN):
        with pytest.raises(BenchError, match="another run is writing"), journal.opened(path, RUN):
            pass
        with pytest.raises(BenchError), journal.opened(path, RUN, fresh=True):
            pass
    assert path.read_text()
