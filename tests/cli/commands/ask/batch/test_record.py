"""What a batch keeps on disk, whatever ends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands.ask.batch import record as module
from cli.commands.ask.batch.record import BatchRecord, input_lines


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"one\r\n\n  \ntwo\nthree")
    return path


def test_lines_have_their_number_in_the_file(source: Path) -> None:
    lines = [(line.number, line.text) for line in input_lines(source)]
    assert lines == [(1, b"one"), (4, b"two"), (5, b"three")]


def test_a_line_that_is_too_long_is_one_line(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE_BYTES", 10)
    source.write_bytes(b"x" * 5_000_000 + b"\ntwo\n" + b"y" * 50)
    lines = list(input_lines(source))
    assert [line.number for line in lines] == [1, 2, 3]
    assert lines[1].text == b"two"
    assert {len(lines[0].text), len(lines[2].text)} == {12}


def test_the_file_is_in_the_order_of_the_input_and_only_there_whole(source: Path) -> None:
    out = source.with_name("out.jsonl")
    one, two, three = input_lines(source)
    with BatchRecord(out) as record:
        record.add(three, {"id": 3})
        record.add(one, {"id": 1, "error": {}})
        assert not out.exists()
        record.add(two, {"id": 2})
        record.add(one, {"id": "1 again"})
        assert record.failed == set()
        record.finish(source)
    assert [json.loads(line)["id"] for line in out.open()] == ["1 again", 2, 3]
    assert sorted(path.name for path in source.parent.iterdir()) == ["in.jsonl", "out.jsonl"]


@pytest.mark.parametrize("torn", [b"", b'{"line": 4, "ha', b"null\n", b'{"line": 4}\n', b"\xff\n"])
def test_it_goes_on_after_a_kill(source: Path, torn: bytes) -> None:
    out = source.with_name("out.jsonl")
    one, two, three = input_lines(source)
    with BatchRecord(out) as record:
        record.add(one, {"id": 1})
        record.add(three, {"custom_id": "3", "response": {"status_code": 422}, "error": None})
    with record.partial.open("ab") as stream:
        stream.write(torn)
    with BatchRecord(out) as record:
        assert [record.has(line) for line in (one, two, three)] == [True, False, True]
        assert record.failed == {5}
        record.add(two, {"id": 2})
    with BatchRecord(out) as record:
        assert set(record.done) == {1, 4, 5}


def test_a_line_that_was_changed_is_not_done(source: Path) -> None:
    out = source.with_name("out.jsonl")
    with BatchRecord(out) as record:
        for line in input_lines(source):
            record.add(line, {})
    source.write_bytes(source.read_bytes().replace(b"two", b"2"))
    with BatchRecord(out) as record:
        assert [record.has(line) for line in input_lines(source)] == [True, False, True]


def test_what_has_done_nothing_leaves_nothing(source: Path) -> None:
    with BatchRecord(source.with_name("out.jsonl")) as record:
        assert record.partial.exists()
    assert not record.partial.exists()
