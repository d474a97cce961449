"""`otmv ask` against a real socket: captions streamed or whole, statements, one-line failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from engine.errors import InferenceFailed
from server.access.keys import sha256_of
from tests.server.kit import sample_pictures
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.live_server import serving_fake


@pytest.fixture
def pool() -> FakePool:
    return FakePool()


@pytest.fixture
def url(pool: FakePool) -> Iterator[str]:
    with serving_fake(pool) as server:
        yield server.url


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.jpg"
    path.write_bytes(sample_pictures.jpeg())
    return str(path)


def ask(*words: str) -> tuple[int, str, str]:
    arguments = ["ask", *words]
    result = CliRunner().invoke(build(arguments), arguments)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("choice", [["--stream"], ["--num-beams", "3"], []])
def test_a_caption(url: str, picture: str, pool: FakePool, choice: list[str]) -> None:
    code, out, _ = ask(picture, "--caption", "--url", url, *choice)
    assert code == 0
    assert out.splitlines()[0].strip() == "a red circle"
    assert "full" in out
    assert pool.rows == [3 if "3" in choice else 1]


def test_a_statement(url: str, picture: str) -> None:
    code, out, _ = ask(picture, "both are red", "--right", picture, "--url", url)
    assert code == 0
    assert out.splitlines()[0].split() == ["false", "0.875"]


def test_a_stream_that_fails_keeps_what_was_said(url: str, picture: str, pool: FakePool) -> None:
    pool.early, pool.answer_error = 2, InferenceFailed("block_decode[0]", "NaN")
    code, out, errors = ask(picture, "--caption", "--stream", "--url", url)
    assert code == 1
    assert out.strip() == "a red"
    assert "(500)" in errors


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--right", "PICTURE"], 2, "give a statement"),
        (["--caption", "--right", "PICTURE"], 2, "give a statement"),
        (["q?", "--caption"], 2, "give a question, or --caption"),
        (["q?", "--stream"], 2, "--caption"),
        (["q?", "--num-beams", "2"], 2, "--caption"),
        (["--caption", "--stream", "--num-beams", "2"], 1, "needs num_beams 1"),
        (["--caption", "--num-beams", "9"], 1, "num_beams"),
        (["s", "--right", "gone.jpg"], 1, "cannot read gone.jpg"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    url: str, picture: str, words: list[str], code: int, said: str
) -> None:
    given = [word.replace("PICTURE", picture) for word in words]
    found, _, errors = ask(picture, *given, "--url", url)
    assert found == code
    assert said in errors
    assert len(errors.strip().splitlines()) == 1


@pytest.mark.parametrize("by_option", [True, False])
def test_a_key_is_sent(
    picture: str, pool: FakePool, monkeypatch: pytest.MonkeyPatch, by_option: bool
) -> None:
    keys = {"alice": {"sha256": sha256_of("otmv-key")}}
    with serving_fake(pool, keys=keys) as server:
        code, _, errors = ask(picture, "q?", "--url", server.url)
        assert code == 1
        assert "(401)" in errors
        assert "--key or OTMV_KEY" in errors
        assert "Authorization" not in errors
        if not by_option:
            monkeypatch.setenv("OTMV_KEY", "otmv-key")
        given = ["--key", "otmv-key"] if by_option else []
        assert ask(picture, "q?", "--url", server.url, *given)[0] == 0


def test_words_the_model_never_read_are_warned_of_in_one_line(
    url: str, picture: str, pool: FakePool
) -> None:
    code, out, errors = ask(picture, "Is a person red?", "--url", url)
    assert code == 0
    assert errors.splitlines() == [
        "otmv ask: warning: the model never read the words a, person; it knows red things only"
    ]
    assert "domain    red things only" in out
    _, _, errors = ask(picture, "one two three four five six seven red?", "--url", url)
    assert "words one, two, three, four, five and 2 more;" in errors
    assert ask(picture, "is red?", "--url", url)[2] == ""
    assert ask(picture, "--caption", "--url", url)[2] == ""


def test_an_artifact_without_a_domain_is_asked_all_the_same(picture: str) -> None:
    pool = FakePool()
    manifest = pool.artifact.manifest.model_copy(update={"domain": None})
    pool.artifact = replace(pool.artifact, manifest=manifest)
    with serving_fake(pool) as server:
        code, out, errors = ask(picture, "is there a person?", "--url", server.url)
    assert (code, errors) == (0, "")
    assert "domain    not recorded" in out
