"""`otmv adapter drop`: what a server is asked, and what its answers become."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from typer.testing import CliRunner

from cli.main import build

ANSWERS = {
    "pets": (204, b""),
    "gone": (404, json.dumps({"title": "no such adapter", "detail": "there are pets"}).encode()),
    "odd": (500, b"<html>"),
}


class _Server(BaseHTTPRequestHandler):
    asked: list[tuple[str, str | None]]

    def do_DELETE(self) -> None:
        self.asked.append((self.path, self.headers["Authorization"]))
        status, body = ANSWERS[self.path.rpartition("/")[2]]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    _Server.asked = []
    with HTTPServer(("127.0.0.1", 0), _Server) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def run(*arguments: str) -> tuple[int, str, str]:
    words = ["adapter", "drop", *arguments]
    result = CliRunner().invoke(build(words), words)
    return result.exit_code, result.stdout, result.stderr


def test_a_dropped_adapter_is_named(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/"
    assert run("pets", "--url", url, "--key", "secret") == (0, "", "dropped: pets\n")
    assert _Server.asked == [("/v1/adapters/pets", "Bearer secret")]


def test_what_goes_wrong_is_one_line(server: HTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    said = {name: run(name, "--url", url) for name in ("gone", "odd", "a/b")}
    assert said["gone"][2].endswith("no such adapter (404): there are pets\n")
    assert "is no otmv server" in said["odd"][2]
    assert "'a/b': a name has" in said["a/b"][2]
    server.server_close()
    said["closed"] = run("pets", "--url", "http://127.0.0.1:9")
    assert "no answer from http://127.0.0.1:9" in said["closed"][2]
    assert all(code == 1 and len(text.splitlines()) == 1 for code, _, text in said.values())
    assert len(_Server.asked) == 2
