"""Commands whose standard streams are closed, narrow, or left by their reader."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cli.streams import encodable

ROOT = Path(__file__).parents[2]
OUTLIVING = """
import sys
from cli.streams import flush_output, outlive_readers, prepare_streams
prepare_streams()
outlive_readers()
print("first", flush=True)
print("first", file=sys.stderr, flush=True)
sys.stdin.readline()  # the readers have left
for _ in range(2):
    print("x" * 200_000)
    print("x" * 200_000, file=sys.stderr, flush=True)
flush_output()
open(sys.argv[1], "w").write("went on")
"""
CLOSED = """
import os, socket, sys
from cli.streams import prepare_streams
prepare_streams()
assert socket.socket().fileno() > 2
print("to nobody")
print("to nobody", file=sys.stderr, flush=True)
assert sys.stdin.read() == ""
open(sys.argv[1], "w").write("went on")
"""


def run(program: str, *words: object) -> list[str]:
    return [sys.executable, "-c", program, *map(str, words)]


def test_a_reader_who_leaves_ends_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    out, shown = os.pipe()
    with subprocess.Popen(
        run(OUTLIVING, kept), cwd=ROOT, stdin=subprocess.PIPE, stdout=shown, stderr=shown
    ) as process:
        os.close(shown)
        with os.fdopen(out) as reader:
            first = reader.readline()
        process.communicate(b"\n", timeout=30)
    assert first == "first\n"
    assert process.returncode == 0
    assert kept.read_text() == "went on"


def test_closed_streams_are_opened_before_anything_else(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    words = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *run(CLOSED, kept)]
    assert subprocess.run(words, cwd=ROOT, timeout=30).returncode == 0
    assert kept.read_text() == "went on"


def serve(*words: object) -> list[str]:
    return [sys.executable, "-m", "cli.main", "serve", *map(str, words), "--print-config"]


def test_a_configuration_can_be_read_in_part(tmp_path: Path) -> None:
    process = subprocess.Popen(
        serve(tmp_path), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 0
    assert said == b""


def test_a_configuration_is_toml_in_ascii_too(tmp_path: Path) -> None:
    folder = tmp_path / "b\u00fccher \u8349 \U0001f400"
    done = subprocess.run(
        serve(folder),
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert tomllib.loads(done.stdout)["artifact"] == str(folder)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_only_what_an_encoding_lacks_is_escaped(encoding: str) -> None:
    text = "a\u00fc"
    assert encodable(text, encoding) == (text if encoding != "ascii" else "a\\U000000FC")
