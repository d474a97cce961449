"""What is logged of a request, in both formats; and that its text never is unless asked for."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.errors import InferenceFailed, QueueFull
from server.configuration.settings import Settings
from server.observing.logs import (
    LogFormat,
    as_pairs,
    configure_logging,
    log_handler,
    quieten_libraries,
)
from tests.server.kit.fake_pool import FakePool
from tests.server.kit.good_question import FILE
from tests.server.kit.ready_client import ready_client

SECRET = "is the Zebra of Mrs Underwood striped?"
PARTS = ("Zebra", "zebra", "Underwood", "striped")
PAIR = [("image", FILE["image"]), ("image", FILE["image"])]
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@contextmanager
def caught(log_format: LogFormat = "json", show_content: bool = False) -> Iterator[io.StringIO]:
    """Take everything that is logged, through the handler that the server installs."""
    stream = io.StringIO()
    handler = log_handler(log_format, show_content, stream)
    handler.addFilter(lambda record: not record.name.startswith("http"))  # the test's own client
    quieten_libraries()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def lines(stream: io.StringIO, logger: str = "otmv.access") -> list[dict[str, Any]]:
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in found if line["logger"] == logger]


def ask(client: TestClient, **more: Any) -> Any:
    headers = more.pop("headers", {})
    return client.post("/v1/vqa", files=FILE, data={"question": SECRET, **more}, headers=headers)


def test_an_answer_is_one_object_with_what_it_took() -> None:
    headers = {"X-Request-Id": "abc", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    with caught() as stream, ready_client(access_log=True) as client:
        ask(client, headers=headers, on_miss="reject")
    (line,) = lines(stream)
    assert line["duration_ms"] >= line["phases_ms"]["total"] > 0
    assert list(line["phases_ms"])[:3] == ["decode", "preprocess", "queue"]
    assert line["phases_ms"]["blocks"] == 3.0
    assert line.pop("timestamp").endswith("+00:00")
    del line["phases_ms"], line["duration_ms"]
    assert line == {
        "level": "INFO",
        "logger": "otmv.access",
        "message": "request",
        "request_id": "abc",
        "trace_id": TRACE,
        "method": "POST",
        "path": "/v1/vqa",
        "status": 200,
        "task": "vqa",
        "on_miss": "reject",
        "variant": "full",
        "degraded": False,
        "deadline_met": True,
    }


def test_text_has_the_same_on_one_line() -> None:
    with caught("text") as stream, ready_client(access_log=True) as client:
        ask(client, headers={"X-Request-Id": "abc"})
    (line,) = [line for line in stream.getvalue().splitlines() if "otmv.access" in line]
    for part in ("INFO", "request_id=abc", "status=200", "variant=full", 'phases_ms={"decode":'):
        assert part in line


def test_values_cannot_break_a_line() -> None:
    assert as_pairs({"a": "plain/word-1", "b": 2, "c": True}) == " a=plain/word-1 b=2 c=true"
    assert as_pairs({"path": "/x y\n=1"}) == ' path="/x y\\n=1"'


def test_a_path_cannot_forge_a_line() -> None:
    with caught("text") as stream, ready_client(access_log=True) as client:
        client.get("/v1/%0aforged%20INFO")
    assert not any(line.startswith("forged") for line in stream.getvalue().splitlines())


def test_a_refusal_names_its_problem_and_no_variant() -> None:
    pool = FakePool(admit_error=QueueFull(1, 1.0))
    with caught() as stream, ready_client(pool, access_log=True) as client:
        ask(client)
    (line,) = lines(stream)
    assert (line["status"], line["problem"], line["task"]) == (429, "queue-full", "vqa")
    assert "variant" not in line
    assert "phases_ms" not in line


def test_the_phases_of_a_streamed_caption_are_there_when_it_has_ended() -> None:
    with caught() as stream, ready_client(access_log=True) as client:
        client.post("/v1/caption", files=FILE, data={"stream": "true"})
    (line,) = lines(stream)
    assert (line["task"], line["variant"]) == ("caption", "full")
    assert line["phases_ms"]["total"] > 0


def everything_asked(pool: FakePool) -> list[int]:
    """Ask with the secret in every way, good and bad; return the statuses."""
    with ready_client(pool, access_log=True) as client:
        posts = [
            client.post("/v1/vqa", files=FILE, data={"question": [SECRET, SECRET + " yes"]}),
            client.post("/v1/reason", files=PAIR, data={"statement": SECRET}),
            client.post("/v1/vqa", files=FILE, data={"question": SECRET * 99}),
            client.post("/v1/vqa", files=FILE, data={"question": SECRET, SECRET: "1"}),
            client.post("/v1/vqa", files=FILE, data={"question": SECRET, "top_k": SECRET}),
            client.post("/v1/vqa", files={"image": SECRET.encode()}, data={"question": SECRET}),
            client.post("/v1/vqa", json={"image": SECRET, "question": SECRET}),
            client.post("/v1/vqa", content=f'{{"question": "{SECRET}'.encode()),
            client.post(f"/v1/vqa?question={SECRET}", files=FILE),
            client.get("/v1/variants", params={"task": SECRET}),
        ]
    return [response.status_code for response in posts]


FAILURES = [
    ValueError(SECRET),
    KeyError("Underwood"),
    RuntimeError(f"cannot encode {SECRET!r}"),
    UnicodeDecodeError("utf-8", SECRET.encode(), 3, 4, "bad"),
    InferenceFailed("head[vqa]", f"no label for {SECRET}"),
]


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("failure", [None, *FAILURES])
def test_what_was_asked_is_never_logged(log_format: LogFormat, failure: Exception | None) -> None:
    with caught(log_format) as stream:
        statuses = everything_asked(FakePool(answer_error=failure))
    assert statuses[:2] == ([200, 200] if failure is None else [500, 500])
    assert all(400 <= status < 500 for status in statuses[2:])
    logged = stream.getvalue()
    assert logged.count("otmv.access") == len(statuses)
    if failure is not None:
        assert type(failure).__name__ in logged
        assert "Traceback (most recent call last)" in logged
    for part in PARTS:
        assert part not in logged


def test_a_fault_before_the_text_is_known_does_not_quote_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(body: bytes, content_type: str) -> None:
        raise ValueError(body.decode(errors="replace"))

    monkeypatch.setattr("server.requests.form.parse_multipart", broken)
    with caught() as stream, ready_client() as client:
        assert ask(client).status_code == 500
    (line,) = lines(stream, "otmv.server")
    assert "ValueError: message withheld" in line["exc_info"]
    assert "broken" in line["exc_info"]
    for part in PARTS:
        assert part not in stream.getvalue()


def test_a_message_that_says_nothing_of_the_request_is_logged() -> None:
    pool = FakePool(answer_error=ValueError("shapes (3, 4) and (5,) differ"))
    with caught() as stream, ready_client(pool) as client:
        response = ask(client)
    (line,) = lines(stream, "otmv.server")
    assert response.json()["request_id"] in line["message"]
    assert "ValueError: shapes (3, 4) and (5,) differ" in line["exc_info"]
    assert "request_record" not in line


def test_content_is_logged_when_asked_for_but_no_picture() -> None:
    with (
        caught(show_content=True) as stream,
        ready_client(access_log=True, log_content=True) as client,
    ):
        ask(client)
        client.post("/v1/reason", files=PAIR, data={"statement": SECRET})
        client.post("/v1/caption", files=FILE)
    first, second, third = lines(stream)
    assert first["texts"] == second["texts"] == [SECRET]
    assert "texts" not in third
    assert "JFIF" not in stream.getvalue()
    assert len(stream.getvalue()) < 4000


def test_other_libraries_lines_are_json_too() -> None:
    with caught() as stream:
        logging.getLogger("uvicorn.error").error("went %s", "wrong", extra={"color_message": "x"})
    (line,) = lines(stream, "uvicorn.error")
    del line["timestamp"]
    assert line == {"level": "ERROR", "logger": "uvicorn.error", "message": "went wrong"}


@pytest.mark.parametrize(
    ("logger", "shown"), [("asyncio", False), ("engine.loop.stepper", True), ("otmv.server", True)]
)
def test_a_foreign_message_is_quoted_only_where_no_text_can_be(logger: str, shown: bool) -> None:
    with caught("text") as stream:
        logging.getLogger(logger).error("step failed", exc_info=ValueError("5 is not 4"))
    assert "step failed\nValueError: " in stream.getvalue()
    assert ("5 is not 4" in stream.getvalue()) is shown


def test_one_handler_takes_every_logger(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level, hook = root.handlers[:], root.level, threading.excepthook
    try:
        configure_logging(Settings(artifact="a", log_format="json", log_level="warning"))  # type: ignore[arg-type]
        logging.getLogger("uvicorn.error").warning("one")
        logging.getLogger("engine.pool").info("too low")
        logging.getLogger("otmv.server").error("two")
        failing = threading.Thread(target=int, args=(SECRET,), name="three")
        failing.start()
        failing.join()
    finally:
        threading.excepthook = hook
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
    err = capsys.readouterr().err
    written = [json.loads(line)["message"] for line in err.splitlines()]
    assert written == ["one", "two", "thread three ended"]
    assert "ValueError: message withheld" in err
    assert "Zebra" not in err


@pytest.mark.parametrize("path", ["/%1bc", "/%08%08", "/%7f", "/%00", "/%1b%5b2J", "/%c2%9b2J"])
def test_no_control_character_of_a_path_reaches_a_terminal(path: str) -> None:
    with caught("text") as stream, ready_client(access_log=True) as client:
        client.get(path)
    said = stream.getvalue()
    assert "path=" in said
    assert all(letter.isprintable() for line in said.splitlines() for letter in line)


def test_neither_does_one_of_a_message_or_a_traceback_and_no_line_looks_like_a_record() -> None:
    with caught("text") as stream:
        try:
            raise ValueError("\x1b[2J\x9b2J")
        except ValueError:
            message = "bad\x07\r\n2026-01-01 00:00:00,000 INFO otmv.server ready\u2028"
            logging.getLogger("otmv.server").exception(message)
    said = stream.getvalue()
    assert not set(said) & {"\x1b", "\x9b", "\x07", "\r", "\u2028"}
    assert "\\x1b[2J" in said
    assert not [line for line in said.splitlines() if line.startswith("2026-01-01 00:00:00,000")]


def test_lines_go_to_standard_error_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spinner puts its own stream there while it turns; a line beside it would be glued to it."""
    handler = log_handler("text", show_content=False)
    seen = []
    for _ in range(2):
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        handler.emit(logging.makeLogRecord({"msg": "said", "levelname": "INFO", "name": "otmv"}))
        seen.append(sys.stderr.getvalue().count("said"))
    assert seen == [1, 1]
