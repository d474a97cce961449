"""A real process with a real (tiny) artifact answers over real sockets, whatever it is sent."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from otmv_serve import DeadlineMissed, InvalidRequest, OtmvClient, RequestBudget
from tests.server.kit import sample_pictures
from tests.server.kit.bad_requests import FORM_TYPE, VQA, corpus, form, good_request
from tests.server.kit.live_server import LiveServer, run_otmv

pytestmark = pytest.mark.e2e


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.jpg"
    path.write_bytes(sample_pictures.jpeg())
    return path


def post_good(server: LiveServer) -> httpx.Response:
    good = good_request()
    return httpx.post(f"{server.url}{VQA}", content=good.body, headers=good.headers, timeout=30)


def counted(server: LiveServer, **labels: str) -> float:
    page = httpx.get(f"{server.url}/metrics").text
    lines = re.findall(r"^otmv_requests_total\{(.*)\} (\S+)$", page, re.MULTILINE)
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    return sum(float(value) for found, value in lines if all(w in found for w in wanted))


def test_every_bad_request_is_refused_and_a_good_one_answered(server: LiveServer) -> None:
    with httpx.Client(base_url=server.url, timeout=30) as client:
        for case in corpus():
            response = client.request(
                case.method, case.path, content=case.body, headers=case.headers
            )
            assert response.status_code in case.expected, (case.name, response.text[:200])
            assert response.headers["content-type"] == "application/problem+json", case.name
    assert post_good(server).status_code == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 4,
        b"POST /v1/vqa HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_not_http_gets_a_problem_too(server: LiveServer, raw: bytes) -> None:
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(raw)
        answer = connection.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert post_good(server).status_code == 200


@pytest.mark.parametrize("share", [1, 50, 99])
def test_a_body_cut_off_by_its_client_harms_no_other_request(
    server: LiveServer, share: int
) -> None:
    good = good_request()
    head = f"POST {VQA} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(good.body)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in good.headers.items()) + "\r\n"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(head.encode() + good.body[: len(good.body) * share // 100])
    assert post_good(server).status_code == 200


def test_a_client_sending_too_much_still_reads_the_refusal(server: LiveServer) -> None:
    body = form([("image", b"x" * 30 * 2**20), ("question", b"q?")])
    response = httpx.post(f"{server.url}{VQA}", content=body, headers=FORM_TYPE, timeout=30)
    assert response.status_code == 413
    chunks = (b"x" * 2**20 for _ in range(30))
    response = httpx.post(f"{server.url}{VQA}", content=chunks, headers=FORM_TYPE, timeout=30)
    assert response.status_code == 413


def test_many_at_once_are_each_answered_and_counted_once(server: LiveServer) -> None:
    before = counted(server)
    good = good_request()
    with httpx.Client(base_url=server.url, timeout=30) as client, ThreadPoolExecutor(16) as many:

        def post(_: int) -> int:
            return client.post(good.path, content=good.body, headers=good.headers).status_code

        statuses = list(many.map(post, range(300)))
    assert set(statuses) == {200}
    assert counted(server) - before == 300


def test_budgets_choose_among_real_variants(server: LiveServer, picture: Path) -> None:
    with OtmvClient(server.url) as client:
        full = client.ask(picture, "what colour")
        fast = client.ask(picture, "what colour", RequestBudget(max_latency_ms=0.01))
        small = client.ask(picture, "what colour", RequestBudget(variant="d2"))
        assert (full.variant, full.variant_quality, full.degraded) == ("full", 0.9, False)
        assert (fast.variant, fast.degraded, fast.deadline_met) == ("d1", True, False)
        assert fast.degraded_because.reason == "late"
        assert fast.degraded_because.predicted_ms > fast.degraded_because.left_ms
        assert (small.variant, small.executed_blocks) == ("d2", 2)
        assert len(client.ask_all(picture, ["what colour", "is red"])) == 2
        assert isinstance(client.caption(picture.read_bytes(), max_new_tokens=3).caption, str)
        assert {entry.variant for entry in client.variants().variants} == {"full", "d3", "d2", "d1"}
        reject = RequestBudget(max_latency_ms=0.01, on_miss="reject")
        with pytest.raises(DeadlineMissed):
            client.ask(picture, "what colour", reject)
        with pytest.raises(InvalidRequest, match="nearest offer: full"):
            client.ask(picture, "what colour", RequestBudget(min_quality=0.99))
        with pytest.raises(InvalidRequest) as caught:
            client.ask(picture, "too long " * 200)
        assert caught.value.status == 422


def test_a_streamed_caption_is_the_caption(server: LiveServer, picture: Path) -> None:
    with OtmvClient(server.url) as client:
        whole = client.caption(picture)
        *pieces, streamed = client.stream_caption(picture)
    assert "".join(pieces) == streamed.caption == whole.caption


def test_ask_prints_the_answer(server: LiveServer, picture: Path) -> None:
    code, out, errors = run_otmv("ask", picture, "what colour", "--url", server.url)
    assert (code, errors) == (0, "")
    assert "full" in out
    assert "1111" in out
    code, out, _ = run_otmv("ask", picture, "--caption", OTMV_URL=server.url)
    assert code == 0
    assert "quality" in out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone.jpg", "q?"], 1, "cannot read gone.jpg"),
        (["PICTURE"], 2, "give a question, or --caption"),
        (["PICTURE", "q?", "--url", "http://127.0.0.1:1"], 1, "otmv serve"),
        (["PICTURE", "q?", "--url", "nonsense"], 1, "no answer from nonsense"),
        (["PICTURE", "q?", "--url", "SERVER", "--variant", "nope"], 1, "use one of"),
        (["PICTURE", "q?", "--url", "SERVER", "--max-latency-ms", "nan"], 1, "max_latency_ms"),
    ],
)
def test_ask_fails_in_one_line(
    server: LiveServer, picture: Path, arguments: list[str], code: int, words: str
) -> None:
    known = {"PICTURE": str(picture), "SERVER": server.url}
    found, _, errors = run_otmv("ask", *[known.get(word, word) for word in arguments])
    assert found == code
    assert words in errors
    assert len(errors.strip().splitlines()) == 1
