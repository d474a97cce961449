"""`otmv batch` against a real socket: answers, refusals, a busy server, and a second run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands.ask.batch.sending import BatchRun
from cli.main import build
from engine.errors import InferenceFailed
from server.access.keys import sha256_of
from tests.cli.otmv_serve.busy_pool import BusyPool
from tests.server.kit import sample_pictures
from tests.server.kit.live_server import serving_fake


@pytest.fixture
def pool() -> BusyPool:
    return BusyPool()


@pytest.fixture
def url(pool: BusyPool) -> Iterator[str]:
    with serving_fake(pool) as server:
        yield server.url


class Files:
    """A folder with a picture, an input and its output."""

    def __init__(self, folder: Path) -> None:
        self.source, self.out = folder / "in.jsonl", folder / "out.jsonl"
        self.partial = folder / "out.jsonl.partial"
        (folder / "p.jpg").write_bytes(sample_pictures.jpeg())

    def write(self, *lines: Any) -> None:
        texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
        self.source.write_text("".join(text + "\n" for text in texts), "utf-8")

    def run(self, *words: str) -> tuple[int, str, str]:
        arguments = ["batch", str(self.source), str(self.out), *words]
        result = CliRunner().invoke(build(arguments), arguments)
        return result.exit_code, result.stdout, result.stderr

    def read(self) -> list[Any]:
        return [json.loads(line) for line in self.out.read_text("utf-8").splitlines()]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def question(name: str) -> dict[str, Any]:
    return {"id": name, "image": "p.jpg", "question": f"{name}?"}


def test_every_line_has_its_answer_in_its_place(files: Files, url: str) -> None:
    files.write(
        *(question(f"q{number}") for number in range(20)),
        {"image": "p.jpg"},
        {"images": ["p.jpg", "p.jpg"], "statement": "both"},
    )
    code, out, errors = files.run("--url", url)
    assert (code, errors) == (0, "")
    assert out == f"22 answered: {files.out}\n"
    *asked, caption, verdict = files.read()
    assert [each["id"] for each in asked] == [f"q{number}" for number in range(20)]
    assert [each["answers"][0]["question"] for each in asked] == [f"q{n}?" for n in range(20)]
    assert (caption["id"], caption["answers"][0]["caption"]) == ("21", "a red circle")
    assert verdict["answers"][0]["statement"] == "both"
    assert not files.partial.exists()


def test_bad_and_refused_lines_are_named_and_counted(files: Files, url: str) -> None:
    files.write(question("a"), "nonsense", question("a"), {**question("b"), "colour": 1})
    code, out, errors = files.run("--url", url)
    assert code == 1
    assert out == f"1 answered, 3 not (see error there): {files.out}\n"
    for words in ("line 2: not JSON", "line 3: 'a' is the name", "line 4: ", "colour"):
        assert words in errors
    assert ["error" in each for each in files.read()] == [False, True, True, True]


def test_the_latency_of_a_batch_is_its_own(files: Files, url: str, pool: BusyPool) -> None:
    files.write(question("a"), {**question("b"), "budget": {"max_latency_ms": 900}})
    assert files.run("--url", url, "--max-latency-ms", "7000")[0] == 0
    assert {each.budget.max_latency_ms for each in pool.admitted} == {7000, 900}


def test_a_busy_server_is_asked_again_until_all_is_answered(
    files: Files, url: str, pool: BusyPool
) -> None:
    pool.waits_s = [0.02] * 12
    files.write(*(question(f"q{number}") for number in range(10)))
    code, out, errors = files.run("--url", url)
    assert (code, errors) == (0, "")
    assert out.startswith("10 answered: ")
    assert len(pool.admitted) == 10


def test_what_the_server_fails_on_is_left_to_the_next_run(
    files: Files, url: str, pool: BusyPool
) -> None:
    files.write(*(question(f"q{number}") for number in range(6)))
    pool.answer_error = InferenceFailed("block[0]", "NaN")
    code, _, errors = files.run("--url", url)
    assert code == 1
    assert "0 of 6 lines are done" in errors
    assert "the same command resumes" in errors
    assert not files.out.exists()
    pool.answer_error = None
    assert files.run("--url", url)[:2] == (0, f"6 answered: {files.out}\n")


def test_ctrl_c_says_that_the_same_command_resumes(
    files: Files, url: str, pool: BusyPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(*(question(f"q{number}") for number in range(8)))
    done = BatchRun._done

    def interrupted(self: BatchRun, *arguments: Any) -> None:
        done(self, *arguments)
        if len(self.record.done) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(BatchRun, "_done", interrupted)
        code, _, errors = files.run("--url", url)
    assert code == 130
    assert errors == "otmv batch: stopped; the same command resumes\n"
    assert not files.out.exists()
    kept = len(files.partial.read_text("utf-8").splitlines())
    asked = len(pool.admitted)
    assert kept == 3
    assert files.run("--url", url)[:2] == (0, f"8 answered: {files.out}\n")
    assert len(pool.admitted) - asked == 8 - kept


def test_a_key_that_is_refused_stops_it(files: Files) -> None:
    files.write(question("a"), question("b"))
    with serving_fake(BusyPool(), keys={"alice": {"sha256": sha256_of("otmv-a")}}) as server:
        code, _, errors = files.run("--url", server.url)
        assert code == 1
        assert "API key" in errors
        assert files.run("--url", server.url, "--key", "otmv-a")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--url", "http://127.0.0.1:1"], 1, "start a server with: otmv serve"),
        (["--url", "nonsense"], 2, "url: give http://HOST:PORT"),
        (["--most-at-once", "0"], 2, "most-at-once"),
    ],
)
def test_it_fails_in_one_line(files: Files, words: list[str], code: int, said: str) -> None:
    files.write(question("a"))
    found, _, errors = files.run(*words)
    assert found == code
    assert said in errors
    assert sorted(path.name for path in files.source.parent.iterdir()) == ["in.jsonl", "p.jpg"]


def test_files_that_are_there_or_not(files: Files) -> None:
    assert "cannot read" in files.run()[2]
    files.write(question("a"))
    files.out.touch()
    code, _, errors = files.run()
    assert code == 2
    assert "exists already; remove it" in errors
